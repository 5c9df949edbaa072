import assert from 'node:assert/strict';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { GraphSignature } from '../../shared/model/signature.ts';
import { createGraph } from '../../worker/onnx/graph.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { type Runtime, startRuntime } from '../../worker/session/runtime.ts';
import { openGraph } from '../../worker/session/session.ts';
import { type GraphSession, SessionError, type Tensor } from '../../worker/session/types.ts';
import { temporaryFolder } from '../support/exported.ts';
import { floatTensor, longs } from '../support/fmFeeds.ts';
import { exportTinySet } from '../support/tinyModel.ts';

const signature: GraphSignature = {
  inputs: [
    { name: 'table', type: 'float32', dims: ['V', 2] },
    { name: 'ids', type: 'int64', dims: ['N'] },
    { name: 'scale', type: 'float32', dims: ['N', 1] },
  ],
  outputs: [
    { name: 'rows', type: 'float32', dims: ['N', 2] },
    { name: 'scaled', type: 'float32', dims: ['N', 2] },
  ],
};

function lookupGraph(): Uint8Array {
  const graph = createGraph('lookup', signature);
  const rows = graph.node('/rows/Gather', 'Gather', [graph.input('table'), graph.input('ids')]);
  graph.output('rows', rows);
  graph.output('scaled', graph.node('/scaled/Mul', 'Mul', [rows, graph.input('scale')]));
  return graph.encode();
}

const isSessionError = (message: RegExp) => (error: unknown) =>
  error instanceof SessionError && message.test(error.message);

describe('a graph session', () => {
  let folder: string;
  let file: string;
  let runtime: Runtime;
  let session: GraphSession;
  let feeds: Record<string, Tensor>;
  before(async () => {
    folder = await temporaryFolder();
    file = join(folder, 'lookup.onnx');
    await writeFile(file, lookupGraph());
    runtime = startRuntime({ threads: 1 });
    session = await openGraph(runtime, 'lookup', file, signature);
  });
  after(async () => {
    await runtime.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    feeds = {
      table: floatTensor(Float32Array.of(1, 2, 3, 4), [2, 2]),
      ids: longs([1, 0, 1], [3]),
      scale: floatTensor(Float32Array.of(1, 10, 100), [3, 1]),
    };
  });

  test('gives the outputs asked for and leaves the feeds usable', async () => {
    const { scaled, ...others } = await session.run(feeds, ['scaled']);
    assert.deepEqual(others, {});
    assert.deepEqual(scaled, floatTensor(Float32Array.of(3, 4, 10, 20, 300, 400), [3, 2]));
    assert.deepEqual((await session.run(feeds)).rows!.data, Float32Array.of(3, 4, 1, 2, 3, 4));
  });

  test('answers concurrent runs each with its own result', async () => {
    const results = await Promise.all(
      [0, 1, 0].map((id) =>
        session.run({
          ...feeds,
          ids: longs([id], [1]),
          scale: floatTensor(Float32Array.of(1), [1, 1]),
        }),
      ),
    );
    assert.deepEqual(
      results.map(({ rows }) => Number(rows!.data[0])),
      [1, 3, 1],
    );
  });

  test('names the input that is missing, unknown or misshapen', async () => {
    const { ids, ...without } = feeds;
    const wrong: [Record<string, Tensor>, RegExp][] = [
      [without, /lookup: input ids is missing/],
      [{ ...feeds, more: ids! }, /lookup: unknown input more/],
      [{ ...feeds, ids: feeds.scale! }, /input ids is float32 \(3, 1\), int64 \(N\) expected/],
      [
        { ...feeds, table: floatTensor(new Float32Array(3), [1, 3]) },
        /input table is float32 \(1, 3\), float32 \(V, 2\) expected/,
      ],
      [{ ...feeds, ids: longs([1], [1]) }, /N is 1 in ids and 3 in scale/],
      [{ ...feeds, ids: longs([1], [3]) }, /int64 \(3\) but holds 1 values/],
    ];
    for (const [given, message] of wrong)
      await assert.rejects(session.run(given), isSessionError(message));
    await assert.rejects(session.run(feeds, ['other']), isSessionError(/no output other/));
  });

  test("passes the runtime's error on as the cause and goes on working", async () => {
    await assert.rejects(session.run({ ...feeds, ids: longs([7, 7, 7], [3]) }), (error) => {
      assert.ok(error instanceof SessionError && error.cause instanceof Error);
      // The node's path in the model, so that the message reads as a place.
      return /\/rows\/Gather/.test(error.message);
    });
    assert.equal((await session.run(feeds)).rows!.data.length, 6);
  });

  test('refuses a graph that declares something else', async () => {
    const [table, ids, scale] = signature.inputs as [never, never, never];
    const other = (inputs: GraphSignature['inputs'], outputs = signature.outputs) =>
      openGraph(runtime, 'other', file, { inputs, outputs });
    const extra = { name: 'extra', type: 'bool', dims: [] } as const;
    await assert.rejects(
      other([...signature.inputs, extra]),
      isSessionError(/graph other: input extra is missing/),
    );
    await assert.rejects(other([table, ids]), isSessionError(/unknown input scale/));
    await assert.rejects(
      other([{ name: 'table', type: 'float32', dims: ['V', 3] }, ids, scale]),
      isSessionError(/input table is float32 \(V, 2\), float32 \(V, 3\) expected/),
    );
    await assert.rejects(
      openGraph(runtime, 'none', join(folder, 'none.onnx'), signature),
      isSessionError(/graph none: load failed/),
    );
  });

  test('fails what waits when the thread dies, and a new runtime starts afresh', async () => {
    const dying = join(folder, 'dying.mjs');
    await writeFile(
      dying,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', () => { throw new Error('out of memory'); });`,
    );
    const dead = startRuntime({}, pathToFileURL(dying));
    await assert.rejects(openGraph(dead, 'lookup', file, signature), (error) => {
      assert.ok(error instanceof SessionError && error.cause instanceof Error);
      return error.cause.message === 'out of memory';
    });
    await assert.rejects(
      openGraph(dead, 'lookup', file, signature),
      isSessionError(/thread failed/),
    );
    const fresh = startRuntime({ threads: 1 });
    const reopened = await openGraph(fresh, 'lookup', file, signature);
    assert.equal((await reopened.run(feeds)).rows!.data.length, 6);
    await fresh.close();
    await assert.rejects(reopened.run(feeds), isSessionError(/closed/));
  });

  test('fails what waits when it is closed', async () => {
    const silent = join(folder, 'silent.mjs');
    await writeFile(
      silent,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', ({ kind }) => { if (kind === 'end') parentPort.close(); });`,
    );
    const closing = startRuntime({}, pathToFileURL(silent));
    const waiting = assert.rejects(
      openGraph(closing, 'lookup', file, signature),
      isSessionError(/the model is closed/),
    );
    await closing.close();
    await waiting;
  });
});

describe('a model set', () => {
  let folder: string;
  const path = (...names: string[]) => join(folder, 'set', ...names);
  const edit = async (name: string, change: (json: Record<string, unknown>) => void) => {
    const json = JSON.parse(await readFile(path(name), 'utf8')) as Record<string, unknown>;
    change(json);
    await writeFile(path(name), JSON.stringify(json));
  };
  const refuses = (message: RegExp) =>
    assert.rejects(loadModelSet(path(), { threads: 1 }), isSessionError(message));
  beforeEach(async () => {
    folder = await temporaryFolder();
    await exportTinySet(path());
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('loads, with every graph checked', async () => {
    const set = await loadModelSet(path(), { threads: 1 });
    assert.equal(set.set.id, 'tiny');
    assert.deepEqual(Object.keys(set.tokenizers), ['tok_vector']);
    assert.equal(set.textTokenizerFile.endsWith('tokenizer.json'), true);
    await set.close();
  });

  test('refuses a precision that the device does not run, before anything is loaded', async () => {
    const device = { kind: 'cuda', index: 1 } as const;
    for (const precision of ['int8', 'int4']) {
      await edit('fm/model.json', (json) => {
        json.precision = precision;
      });
      const message = `cuda:1 runs fp32 and fp16, not ${precision}, which runs on cpu`;
      await assert.rejects(
        loadModelSet(path(), { device }),
        isSessionError(new RegExp(`model\\.json: ${message}`)),
      );
    }
  });

  test('stops between two graphs when nobody waits for it', async () => {
    const signal = AbortSignal.abort(new Error('nobody waits'));
    await assert.rejects(loadModelSet(path(), { threads: 1, signal }), /nobody waits/);
  });

  test('refuses a manifest of another format', async () => {
    await edit('fm/model.json', (json) => {
      json.format = 2;
    });
    await refuses(/fm\/model\.json: format/);
  });

  test('refuses graphs that do not fit the manifest', async () => {
    await edit('fm/model.json', (json) => {
      (json.config as Record<string, unknown>).dim = 16;
    });
    await refuses(/graph fm\/generate: input kept_context is float32 \(K, 8\)/);
  });

  test('refuses a file that was cut short', async () => {
    const file = path('fm/generate.onnx');
    await writeFile(file, (await readFile(file)).subarray(0, 100));
    await refuses(/generate\.onnx: 100 bytes/);
  });

  test('refuses paths and links that leave the folder', async () => {
    await mkdir(join(folder, 'outside'));
    await writeFile(join(folder, 'outside/tokenizer.json'), '{}');
    await edit('set.json', (json) => {
      json.text_tokenizer = '../outside/tokenizer.json';
    });
    await refuses(/lies outside/);
    await symlink(join(folder, 'outside/tokenizer.json'), path('link.json'));
    await edit('set.json', (json) => {
      json.text_tokenizer = 'link.json';
    });
    await refuses(/lies outside/);
    await edit('set.json', (json) => {
      json.text_tokenizer = path('tokenizer.json');
    });
    await refuses(/lies outside|cannot be read/);
    await edit('set.json', (json) => {
      json.text_tokenizer = 'absent.json';
    });
    await refuses(/absent\.json: cannot be read/);
  });
});
