/** Which licences allow that whoever is charged is served, and that edge and worker hold to it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createApp } from '../../edge/app.ts';
import { parseConfig } from '../../edge/config.ts';
import { createServices } from '../../edge/services.ts';
import { BATCH_URLS } from '../../shared/api/batches.ts';
import { licenceRefusal } from '../../shared/api/licence.ts';
import { signLine } from '../../shared/api/lineHeaders.ts';
import { createKeyStore } from '../../shared/keys/keyStore.ts';
import { termsOf } from '../../shared/model/licences.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { WEIGHTS_LICENCE } from '../../worker/hub/presets.ts';
import type { Collections } from '../../worker/retrieval/collections.ts';
import { importItems } from '../../worker/tasks/importItems.ts';
import type { Vectorising } from '../../worker/tasks/vectorise.ts';
import { closeThreads } from '../../worker/threads/inThread.ts';
import {
  type FakeWorker,
  MODEL,
  PNG,
  PNG_URL,
  SECRET,
  startFakeWorker,
} from '../support/fakeWorker.ts';

test('terms of licences: unknown ones allow nothing, the strictest of several counts, and the mildest of a choice', () => {
  for (const [licence, terms] of [
    ['Apache-2.0', 'commercial'],
    ['cc-by-4.0', 'commercial'],
    [WEIGHTS_LICENCE, 'noncommercial'],
    ['sample-code-license', 'noncommercial'],
    ['CC-BY-NC-4.0', 'noncommercial'],
    ['CC-BY-NC-SA-2.0-FR', 'noncommercial'],
    ['CC-BY-NCX-4.0', 'unknown'],
    ['unknown', 'unknown'],
    ['', 'unknown'],
    ['LicenseRef-ours', 'unknown'],
    ['Apache-2.0 WITH something', 'unknown'],
    ['MIT AND Apache-2.0', 'commercial'],
    ['MIT AND LicenseRef-ours', 'unknown'],
    ['LicenseRef-ours AND CC-BY-NC-4.0 AND MIT', 'noncommercial'],
    ['MIT OR CC-BY-NC-4.0', 'commercial'],
    ['MIT AND CC-BY-NC-4.0 OR LicenseRef-ours', 'unknown'],
  ] as const)
    assert.equal(termsOf(licence), terms, licence);
});

test('a worker that refuses a model to an import ends it, since that is no fault of a line', async () => {
  const embedding = { kind: 'target', model: 'fake', digest: MODEL.digest, target: 'scene_global' };
  const collections = {
    describe: async () => ({ name: 'c', embedding, dimensions: 4, metadata: {} }),
    put: async () => {},
  } as unknown as Collections;
  const use = async (wanted: typeof MODEL): Promise<never> => {
    throw licenceRefusal({ ...wanted, licence: WEIGHTS_LICENCE });
  };
  const context = {
    tenant: 'one',
    lender: { descriptions: [MODEL], use },
    signal: new AbortController().signal,
  } as unknown as Vectorising;
  const lines = [
    '{"id": "a", "inputs": {"caption": "x"}}',
    '{"id": "b", "inputs": {"caption": "y"}}',
  ];
  const data = Buffer.from(lines.join('\n')).toString('base64');
  const operation = { do: 'import', name: 'c', format: 'jsonl', data, line: 1 } as const;
  try {
    await assert.rejects(importItems(operation, collections, context), /licence_refused/);
  } finally {
    await closeThreads();
  }
});

describe('an edge that charges', () => {
  let worker: FakeWorker | undefined;
  let folder = '';
  before(async () => {
    worker = await startFakeWorker();
    folder = await mkdtemp(join(tmpdir(), 'fourm-licence-'));
  });
  after(async () => {
    await worker?.close();
    // What the last requests have left to be written may come meanwhile.
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  /** What asks an edge with these settings, with a key. */
  async function edgeOf(settings: Record<string, string>) {
    const services = createServices(
      parseConfig({
        FOURM_WORKERS: worker?.url ?? assert.fail(),
        FOURM_WORKER_SECRET: SECRET,
        FOURM_MODELS_TTL_SECONDS: '0',
        FOURM_AUTH: 'keys',
        FOURM_STORE: 'disk',
        FOURM_STORE_DIR: await mkdtemp(join(folder, 'store-')),
        FOURM_PRICES: '{"currency": "EUR", "per_unit": 0}',
        ...settings,
      }),
      { write: () => {}, openPage: async () => new Uint8Array(), openDisk: createDiskStore },
    );
    const app = createApp(services);
    /** A line of a batch, as a worker asks for it. */
    async function askLine(path: string, body: object) {
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const line = { batch: 'batch_1', number: 1, key: 'key_1' };
      const signed = await signLine(SECRET, path, 'one', bytes, Date.now() / 1000, line);
      const headers = { 'content-type': 'application/json', ...signed };
      const url = `http://localhost${path}`;
      return await app.request(url, { method: 'POST', headers, body: bytes });
    }
    const about = { tenant: 'one', name: '', scopes: ['*'], limits: {}, created: Date.now() };
    const { secret } = await createKeyStore(services.store).create(about);
    const ask = async (
      path: string,
      body?: object | FormData,
      headers: Record<string, string> = {},
    ) => {
      const authorization = `Bearer ${secret}`;
      if (body instanceof FormData)
        return await app.request(`http://localhost${path}`, {
          method: 'POST',
          headers: { authorization },
          body,
        });
      const init = {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          authorization,
          'content-type': 'application/json',
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
      };
      return await app.request(`http://localhost${path}`, init);
    };
    /** A tool of agents. */
    const useTool = async (name: string, given: object) => {
      const params = { name, arguments: given };
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params };
      return await ask('/mcp', call, { accept: 'application/json, text/event-stream' });
    };
    return Object.assign(ask, { askLine, useTool });
  }

  /** A form with a picture under this name, and these fields. */
  function formOf(picture: string, fields: Record<string, string>): FormData {
    const form = new FormData();
    form.set(picture, new Blob([PNG], { type: 'image/png' }), 'x.png');
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    return form;
  }

  const fake = () => worker ?? assert.fail('there is no worker');
  const REQUESTS: readonly [string, object | FormData, Record<string, string>?][] = [
    ['/v1/generate', formOf('rgb', { targets: 'depth' })],
    ['/v1/images/edits', formOf('image', { prompt: 'x' })],
    ['/v1/generate', { inputs: { caption: 'x' }, targets: ['depth'] }],
    ['/v1/generate', { inputs: { caption: 'x' }, targets: ['depth'], dry_run: true }],
    ['/v1/generate', { inputs: { caption: 'x' }, targets: ['depth'] }, { prefer: 'respond-async' }],
    [
      '/v1/generate',
      { inputs: { caption: 'x' }, targets: ['depth'] },
      { accept: 'text/event-stream' },
    ],
    ['/v1/tokenize', { inputs: { caption: 'x' } }],
    ['/v1/detokenize', { tokens: { depth: { tokens: Array.from({ length: 16 }, () => 1) } } }],
    ['/v1/embed', { inputs: { caption: 'x' }, target: 'scene_global' }],
    ['/v1/embeddings', { model: 'fake', input: 'x' }],
    ['/v1/images/generations', { prompt: 'x' }],
    ['/v1/classify', { inputs: { rgb: { data: PNG_URL } }, head: undefined }],
    [
      '/v1/heads',
      {
        name: 'x',
        examples: ['a', 'a', 'b', 'b'].map((label) => ({ inputs: { caption: label }, label })),
      },
    ],
    ['/v1/collections/c/search', { inputs: { caption: 'x' } }],
    ['/v1/collections/c/items', { items: [{ id: 'x', inputs: { caption: 'x' } }] }],
  ];

  const TOOLS: readonly [string, object][] = [
    ['embed', { inputs: { caption: 'x' }, target: 'scene_global' }],
    ['perceive', { picture: PNG_URL, targets: ['depth'] }],
    ['paint', { prompt: 'x' }],
    ['search', { collection: 'c', inputs: { caption: 'x' } }],
  ];
  /** Requests that a line of a batch can make. */
  const LINES = REQUESTS.flatMap(([path, body, headers]) => {
    const isLine = (BATCH_URLS as readonly string[]).includes(path) && !(body instanceof FormData);
    return isLine && !headers && !('dry_run' in body) ? [[path, body] as const] : [];
  });

  test('serves no model whose licence stands against it, says why, and sends no work to a worker', async () => {
    const ask = await edgeOf({});
    const { model } = fake();
    const embedding = {
      kind: 'target',
      target: 'scene_global',
      model: model.id,
      digest: model.digest,
    };
    const collection = {
      name: 'c',
      embedding,
      dimensions: 4,
      metadata: {},
      count: 0,
      index: { state: 'none' },
    };
    for (const licence of [WEIGHTS_LICENCE, 'unknown']) {
      fake().model = { ...MODEL, licence };
      fake().collectionAnswer = { ...collection, created_at: new Date().toISOString() };
      for (const [path, body, headers] of REQUESTS) {
        const answer = await ask(path, body, headers);
        const problem = await answer.json();
        assert.equal(problem.code, 'licence_refused', `${path}: ${JSON.stringify(problem)}`);
        assert.equal(answer.status, 403);
        for (const word of [licence, 'fake', 'ACCEPT_NONCOMMERCIAL'])
          assert.ok(problem.detail.includes(word), problem.detail);
      }
      for (const [name, given] of TOOLS)
        assert.match(await (await ask.useTool(name, given)).text(), /licence_refused/, name);
      assert.deepEqual(new Set(LINES.map(([path]) => path)), new Set(BATCH_URLS));
      for (const [path, body] of LINES) {
        const answer = await ask.askLine(path, body);
        assert.equal((await answer.json()).code, 'licence_refused', `a line of ${path}`);
      }
      const { models } = await (await ask('/v1/models')).json();
      assert.deepEqual([models[0].licence, models[0].served], [licence, false]);
      assert.equal((await ask('/v1/modalities')).status, 200, 'it may be described');
    }
    const { asked, embedAsked, tokenAsked, headAsked } = fake();
    assert.deepEqual([...asked, ...embedAsked, ...tokenAsked, ...headAsked], []);
  });

  test('serves one whose licence allows it, and workers are told that it is charged', async () => {
    const ask = await edgeOf({});
    fake().model = MODEL;
    const answer = await ask('/v1/generate', REQUESTS[0]?.[1]);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('x-4m-licence'), 'Apache-2.0');
    assert.equal((fake().asked.at(-1) as { charged?: boolean }).charged, true);
    const { models } = await (await ask('/v1/models')).json();
    assert.equal(models[0].served, true);
  });

  test('serves any with the word of its operator; and so does one that does not charge', async () => {
    fake().model = { ...MODEL, licence: WEIGHTS_LICENCE };
    const accepting = await edgeOf({ ACCEPT_NONCOMMERCIAL: 'true' });
    const answer = await accepting('/v1/generate', REQUESTS[0]?.[1]);
    assert.deepEqual([answer.status, answer.headers.get('x-4m-licence')], [200, WEIGHTS_LICENCE]);
    const embedding = {
      kind: 'target',
      target: 'scene_global',
      model: fake().model.id,
      digest: fake().model.digest,
    };
    const more = { name: 'c', embedding, dimensions: 4, metadata: {}, count: 0, results: [] };
    const made = { created_at: new Date().toISOString(), index: { state: 'none' } };
    fake().collectionAnswer = { ...more, ...made, added: 1, replaced: 0 };
    for (const [path, body, headers] of REQUESTS) {
      const served = await accepting(path, body, headers);
      const text = await served.text();
      // Behind the gate it is told what the model and the collection of this test have not.
      const isPast = /"code":"(head_mismatch|worker_lost)"/.test(text);
      assert.ok(served.ok || isPast, `${path}: ${served.status} ${text.slice(0, 300)}`);
    }
    for (const [name, given] of TOOLS) {
      const text = await (await accepting.useTool(name, given)).text();
      const wrong = name === 'search' ? /licence_refused/ : /"isError":true|"error"/;
      assert.doesNotMatch(text, wrong, `${name}: ${text.slice(0, 400)}`);
    }
    const searches = fake().collectionAsked.filter((asked) => asked.operation?.do === 'search');
    assert.equal(searches.length, 2, 'the address and the tool have come to the worker');
    for (const [path, body] of LINES) {
      const served = await accepting.askLine(path, body);
      const code = served.ok ? 'head_mismatch' : (await served.json()).code;
      assert.equal(code, 'head_mismatch', `a line of ${path}`);
    }
    const free = await edgeOf({ FOURM_PRICES: '' });
    assert.equal((await free('/v1/generate', REQUESTS[0]?.[1])).status, 200);
    assert.equal((fake().asked.at(-1) as { charged?: boolean }).charged, undefined);
  });
});
