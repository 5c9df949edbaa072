/** Tokens as resources: kept, named in requests, decoded when they are fetched; chains that go on. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { generateResponseSchema } from '../../shared/api/generate.ts';
import { keptTokensSchema } from '../../shared/api/tokens.ts';
import { createClient } from '../../shared/client/index.ts';
import { NPY, PNG, PNG_URL } from '../support/fakeWorker.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const GRID = Array.from({ length: 16 }, (_, i) => i + 1);

export function tokenTests(f: Fixture): void {
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(f.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const client = () => createClient({ baseUrl: f.url });
  const keepPicture = async (): Promise<string> =>
    (await client().tokenize({ inputs: { rgb: PNG_URL }, keep: true })).inputs.rgb!.ref!;

  test('tokenize: tokens of each input, kept under the hash of what is stored', async () => {
    const plain = await client().tokenize({ inputs: { rgb: PNG_URL, caption: 'a cube' } });
    assert.deepEqual(plain.inputs.rgb, { modality: 'tok_rgb@64', tokens: GRID });
    assert.deepEqual(plain.inputs.caption, { modality: 'caption', tokens: [1, 2, 3] });
    const ref = await keepPicture();
    const answer = await fetch(`${f.url}/v1/tokens/${ref}`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('cache-control') ?? '', /immutable/);
    const kept = keptTokensSchema.parse(await answer.json());
    assert.deepEqual([kept.modality, kept.vocabulary, kept.tokens], ['tok_rgb@64', 64, GRID]);
    assert.deepEqual(kept.model, { id: 'fake', digest: f.worker.model.digest });
    // The stored bytes are canonical JSON: written out here, hashed with node:crypto.
    const written =
      `{"format":1,"modality":"tok_rgb@64","model":{"digest":"${kept.model.digest}","id":"fake"},` +
      `"presentation":"rgb","tokens":[${GRID.join(',')}],"vocabulary":64}`;
    assert.equal(ref, `sha256:${createHash('sha256').update(written).digest('hex')}`);
    assert.equal(await keepPicture(), ref, 'the same tokens have one name');
  });

  test('tokenize takes form data', async () => {
    const form = new FormData();
    form.append('rgb', new Blob([new Uint8Array(PNG)], { type: 'image/png' }), 'x.png');
    const answer = await fetch(`${f.url}/v1/tokenize`, { method: 'POST', body: form });
    assert.equal(answer.status, 200, await answer.clone().text());
  });

  test('a reference stands for its tokens in requests', async () => {
    const ref = await keepPicture();
    const body = { inputs: { rgb: { ref } }, targets: ['depth'], seed: 21 };
    const answer = await post('/v1/generate', body);
    assert.equal(answer.status, 200, await answer.clone().text());
    assert.deepEqual(f.worker.asked.at(-1)!.request.inputs, { rgb: { tokens: GRID } });
    const same = await post('/v1/generate', { ...body, inputs: { rgb: { tokens: GRID } } });
    assert.equal(same.headers.get('cache-status'), 'fourm-edge; hit', 'they are the same request');
    const other = await post('/v1/generate', { inputs: { caption: { ref } }, targets: ['depth'] });
    const problem = await problemOf(other, 'invalid_input');
    assert.equal(problem.errors![0]!.pointer, '/inputs/caption/ref');
  });

  test('a reference that nothing is kept under is named in the problem', async () => {
    const ref = `sha256:${'0'.repeat(64)}`;
    const generate = { inputs: { rgb: { ref } }, targets: ['depth'] };
    for (const [answer, pointer] of [
      [await post('/v1/generate', generate), '/inputs/rgb/ref'],
      [await post('/v1/tokenize', { inputs: { rgb: { ref } } }), '/inputs/rgb/ref'],
      [await post('/v1/detokenize', { tokens: { depth: { ref } } }), '/tokens/depth/ref'],
      [await fetch(`${f.url}/v1/tokens/${ref}`), '/ref'],
    ] as const) {
      const problem = await problemOf(answer, 'unknown_ref');
      assert.ok(problem.detail.includes(ref));
      assert.equal(problem.errors![0]!.pointer, pointer);
    }
    await problemOf(await fetch(`${f.url}/v1/tokens/..%2Fx`), 'invalid_request');
    const posted = await fetch(`${f.url}/v1/tokens/${ref}`, { method: 'POST' });
    await problemOf(posted, 'method_not_allowed');
  });

  test('detokenize: values of given and of kept tokens, and the bytes of one alone', async () => {
    const ref = await keepPicture();
    const both = await client().detokenize({
      tokens: { rgb: { ref }, depth: { tokens: GRID } },
      seed: 4,
      steps: 9,
    });
    assert.deepEqual(both.outputs.rgb!.tokens, GRID);
    assert.equal(both.outputs.depth!.image, PNG_URL);
    const asked = f.worker.tokenAsked.at(-1) as { request: { seed: number; steps: number } };
    assert.deepEqual([asked.request.seed, asked.request.steps], [4, 9]);
    const one = { tokens: { depth: { tokens: GRID } } };
    const png = await post('/v1/detokenize', one, { accept: 'image/png' });
    assert.deepEqual(Buffer.from(await png.arrayBuffer()), PNG);
  });

  test('detokenize refuses tokens that do not fit, before a worker is asked', async () => {
    const before = f.worker.tokenAsked.length;
    for (const [tokens, code, pointer] of [
      [{ depth: { tokens: [1] } }, 'invalid_input', '/tokens/depth/tokens'],
      [{ depth: { tokens: GRID.with(3, 64) } }, 'invalid_input', '/tokens/depth/tokens/3'],
      [{ sound: { tokens: [1] } }, 'unknown_modality', '/tokens/sound'],
      [{ photo: { tokens: GRID } }, 'unknown_modality', '/tokens/photo'],
      [{}, 'invalid_request', '/tokens'],
    ] as const) {
      const problem = await problemOf(await post('/v1/detokenize', { tokens }), code);
      assert.equal(problem.errors![0]!.pointer, pointer);
    }
    assert.equal(f.worker.tokenAsked.length, before);
  });

  test('kept outputs have a reference, and are decoded when they are fetched', async () => {
    const request = {
      inputs: { rgb: PNG_URL },
      targets: ['depth', 'caption'],
      seed: 31,
      keep: true,
      outputs: 'tokens' as const,
    };
    const result = await client().generate(request);
    const [depth, caption] = [result.outputs.depth![0]!, result.outputs.caption![0]!];
    assert.match(depth.ref!, /^sha256:/);
    assert.match(result.kept!.rgb!, /^sha256:/);
    assert.equal('input_tokens' in result, false, 'internal fields stay inside');
    const fetched = await client().tokens(depth.ref!);
    assert.deepEqual(fetched.tokens, depth.tokens);
    const get = (ref: string, accept: string, query = '') =>
      fetch(`${f.url}/v1/tokens/${ref}${query}`, { headers: { accept } });
    const png = await get(depth.ref!, 'image/png', '?seed=5&steps=3');
    assert.deepEqual(Buffer.from(await png.arrayBuffer()), PNG);
    const asked = f.worker.tokenAsked.at(-1) as { request: { seed: number; steps: number } };
    assert.deepEqual([asked.request.seed, asked.request.steps], [5, 3]);
    const npy = await get(depth.ref!, 'application/x-npy');
    assert.deepEqual(Buffer.from(await npy.arrayBuffer()), NPY);
    assert.equal(await (await get(caption.ref!, 'text/plain')).text(), 'a réd sphere');
    await problemOf(await get(depth.ref!, 'image/png', '?steps=x'), 'invalid_request');
    await problemOf(await get(depth.ref!, 'text/plain'), 'not_acceptable');
  });

  test('a later chain with the same beginning goes on from what is there', async () => {
    const first = { inputs: { caption: 'chain' }, targets: ['rgb', 'depth'], seed: 41, keep: true };
    await post('/v1/generate', first);
    const longer = { ...first, targets: ['rgb', 'depth', 'caption'].slice(0, 2), keep: false };
    const again = await post('/v1/generate', longer);
    assert.match(again.headers.get('cache-status') ?? '', /fwd=miss.*detail="reused=2"/);
    assert.equal(generateResponseSchema.parse(await again.json()).reused_targets, 2);
    const { reused } = f.worker.asked.at(-1)!;
    assert.deepEqual(
      reused!.map(({ modality, samples }) => [modality, samples.length, samples[0]!.length]),
      [
        ['tok_rgb@64', 1, 16],
        ['tok_depth@64', 1, 16],
      ],
    );
    const reusedBy = async (change: object): Promise<number> => {
      const answer = await post('/v1/generate', { ...longer, ...change });
      return generateResponseSchema.parse(await answer.json()).reused_targets ?? 0;
    };
    const other = { modality: 'depth', steps: 3 };
    assert.equal(await reusedBy({ targets: ['rgb', other] }), 1, 'the second target differs');
    assert.equal(await reusedBy({ targets: ['depth', 'rgb'] }), 0, 'another order');
    assert.equal(await reusedBy({ seed: 42 }), 0);
    assert.equal(await reusedBy({ inputs: { caption: 'other' } }), 0);
    assert.equal(await reusedBy({ num_samples: 2 }), 0);
    assert.equal(await reusedBy({ chained: false }), 0, 'nothing leads to anything');
  });

  test('keep without a chain keeps every output and nothing else', async () => {
    const body = { inputs: { caption: 'apart' }, targets: ['rgb', 'depth'], seed: 43, keep: true };
    const answer = await post('/v1/generate', { ...body, chained: false });
    assert.equal(answer.headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
    const { outputs } = generateResponseSchema.parse(await answer.json());
    for (const output of [outputs.rgb?.[0], outputs.depth?.[0]]) {
      assert.deepEqual((await client().tokens(output?.ref ?? '')).tokens, output?.tokens);
    }
  });

  test('keep and no-store contradict each other', async () => {
    const body = { inputs: { caption: 'x' }, targets: ['depth'], keep: true };
    const answer = await post('/v1/generate', body, { 'cache-control': 'no-store' });
    const problem = await problemOf(answer, 'invalid_request');
    assert.equal(problem.errors![0]!.pointer, '/keep');
  });
}
