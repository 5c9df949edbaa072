/** The house rules that a compiler does not check: who may import what, file sizes, documented routes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { circles, fileGraph, type Graph, roomGraph, specifiersOf } from './support/imports.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|mjs)$/.test(file) && !file.endsWith('.gen.ts'))
    .map((file) => join(folder, file));

const rooms = ['shared', 'edge', 'worker', 'infra', 'test'] as const;
const files = rooms.flatMap(sources);

const importsOf = (file: string): string[] => specifiersOf(readFileSync(join(root, file), 'utf8'));

/** Room of a relative import; undefined for packages. */
const targetRoom = (file: string, specifier: string): string | undefined =>
  specifier.startsWith('.')
    ? relative(root, resolve(root, dirname(file), specifier)).split('/')[0]
    : undefined;

const packageName = (specifier: string): string =>
  specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0]!;

interface Law {
  readonly rooms: readonly string[];
  readonly packages: readonly string[];
  /** Packages that single files or folders may import besides. */
  readonly exceptions: Readonly<Record<string, readonly string[]>>;
}

const LAWS: Readonly<Record<string, Law>> = {
  shared: {
    rooms: ['shared'],
    packages: ['zod'],
    exceptions: {
      'shared/queue/sqs.ts': ['@aws-sdk/client-sqs'],
      // s3.ts, s3Blobs.ts
      'shared/store/s3': ['@aws-sdk/client-s3'],
      'shared/guard/': ['ipaddr.js'],
      // disk.ts, diskFiles.ts
      'shared/store/disk': ['node:'],
      'shared/metrics/prometheus.ts': ['prom-client'],
      'shared/metrics/server.ts': ['node:'],
      'shared/log/pinoLog.ts': ['pino'],
      'shared/tracing/openTelemetry.ts': [
        ...['@opentelemetry/api', '@opentelemetry/exporter-trace-otlp-http'],
        ...['@opentelemetry/resources', '@opentelemetry/sdk-trace-base'],
      ],
    },
  },
  edge: {
    rooms: ['shared', 'edge'],
    packages: ['hono', 'zod'],
    exceptions: {
      'edge/uploads/presign.ts': ['aws4fetch'],
      'edge/jobs/sqs.ts': ['aws4fetch'],
      'edge/mcp/serve.ts': ['@modelcontextprotocol/sdk'],
      // node.ts, nodeWatching.ts
      'edge/node': ['node:', '@hono/node-server'],
      'edge/nodeSend.ts': ['undici'],
      'edge/playground/page.mjs': ['node:'],
      'edge/docs/page.mjs': ['node:', 'esbuild'],
      'edge/pages/build.mjs': ['node:', 'esbuild'],
    },
  },
  worker: {
    rooms: ['shared', 'worker'],
    packages: ['node:', 'zod', 'sharp', '@huggingface/tokenizers'],
    exceptions: {
      'worker/session/': ['onnxruntime-node'],
      'worker/hub/': ['@huggingface/hub'],
      'worker/batches/ask.ts': ['undici'],
      'worker/values/parquet.ts': ['hyparquet', 'hyparquet-compressors'],
      'worker/retrieval/': ['@lancedb/lancedb', 'apache-arrow'],
      'worker/guard/': ['undici'],
    },
  },
};

const allowed = (law: Law, file: string, specifier: string): boolean => {
  const granted = Object.entries(law.exceptions)
    .filter(([place]) => file.startsWith(place))
    .flatMap(([, packages]) => packages);
  return [...law.packages, ...granted].some((name) =>
    name.endsWith(':') ? specifier.startsWith(name) : packageName(specifier) === name,
  );
};

const violations = (): string[] =>
  files.flatMap((file) => {
    const law = LAWS[file.split('/')[0]!];
    if (!law) return [];
    return importsOf(file).flatMap((specifier) => {
      const room = targetRoom(file, specifier);
      const fine = room === undefined ? allowed(law, file, specifier) : law.rooms.includes(room);
      return fine ? [] : [`${file} imports ${specifier}`];
    });
  });

test('imports follow the law', () => {
  assert.ok(files.length > 20, 'the sources were found');
  assert.deepEqual(violations(), []);
});

test('the law notices a forbidden import', () => {
  const law = LAWS.edge!;
  assert.equal(allowed(law, 'edge/app.ts', 'onnxruntime-node'), false);
  assert.equal(allowed(law, 'edge/app.ts', 'node:fs'), false);
  assert.equal(law.rooms.includes(targetRoom('edge/app.ts', '../worker/main.ts')!), false);
  assert.equal(allowed(law, 'edge/app.ts', 'hono/cors'), true);
});

/**
 * Rooms of the worker, from the ground up: each may import those named behind it, and everybody `shared`.
 * `export`, `compare` and `hub` are tools beside the server, which never imports them.
 */
const WORKER_LAYERS: Readonly<Record<string, readonly string[]>> = {
  safetensors: [],
  onnx: [],
  engine: [],
  image: [],
  session: ['onnx'],
  text: ['engine'],
  values: ['safetensors', 'text', 'engine'],
  diffusion: ['session'],
  batching: ['engine', 'session'],
  presentations: ['values', 'image', 'text', 'session'],
  jobs: [],
  guard: [],
  heads: ['safetensors', 'image'],
  threads: ['jobs', 'presentations', 'values', 'heads'],
  retrieval: ['threads', 'values', 'owner.ts', 'log.ts'],
  tasks: [
    'retrieval',
    'threads',
    'heads',
    'presentations',
    'values',
    'image',
    'text',
    'batching',
    'engine',
    'diffusion',
    'session',
  ],
  registry: ['tasks', 'batching', 'session', 'log.ts', 'metrics.ts', 'byteSize.ts'],
  remote: [
    ...['registry', 'tasks', 'session'],
    ...['owner.ts', 'byteSize.ts', 'log.ts', 'storeConfig.ts', 'hubConfig.ts'],
  ],
  sources: ['guard', 'log.ts'],
  service: [
    ...['jobs', 'sources', 'tasks', 'retrieval', 'batching', 'registry', 'threads', 'session'],
    ...['log.ts', 'metrics.ts'],
  ],
  batches: ['log.ts', 'metrics.ts', 'repeat.ts'],
  consumer: ['jobs', 'service', 'batches', 'log.ts', 'metrics.ts', 'repeat.ts'],
  credit: ['consumer', 'log.ts', 'metrics.ts'],
  webhooks: ['consumer', 'guard', 'log.ts', 'metrics.ts'],
  http: ['jobs', 'service', 'sources', 'consumer', 'webhooks', 'log.ts', 'metrics.ts'],
  compare: ['engine', 'batching', 'diffusion', 'session', 'safetensors'],
  export: ['compare', 'batching', 'engine', 'session', 'onnx', 'safetensors', 'owner.ts'],
  hub: ['export', 'session', 'safetensors', 'owner.ts'],
};

const imported: Graph = fileGraph(
  root,
  files.filter((file) => !file.startsWith('test/')),
);
const importedRooms: Graph = roomGraph(imported);

/** Imports from one room of the worker to another that the layers do not allow. */
const layerViolations = (rooms: Graph): string[] =>
  [...rooms].flatMap(([room, targets]) => {
    const [top, name] = room.split('/');
    if (top !== 'worker' || name === undefined || name.endsWith('.ts')) return [];
    const allowedRooms = WORKER_LAYERS[name];
    if (!allowedRooms) return [`${room} has no place among the layers`];
    return targets
      .filter((target) => target.startsWith('worker/'))
      .filter((target) => !allowedRooms.includes(target.slice('worker/'.length)))
      .map((target) => `${room} imports ${target}`);
  });

test('rooms of the worker import only what lies below them', () => {
  assert.deepEqual(layerViolations(importedRooms), []);
  for (const name of Object.keys(WORKER_LAYERS))
    assert.ok(importedRooms.has(`worker/${name}`), `worker/${name} is there`);
});

test('no circles: neither among files nor among rooms', () => {
  assert.deepEqual(circles(imported), []);
  assert.deepEqual(circles(importedRooms), []);
});

test('a circle and an import of a higher layer are noticed', () => {
  const graph: Graph = new Map([
    ['a', ['b', 'd']],
    ['b', ['c']],
    ['c', ['a']],
    ['d', ['c', 'e']],
    ['e', ['f']],
    ['f', ['e']],
    ['g', ['a', 'f']],
  ]);
  assert.deepEqual(circles(graph), [
    ['a', 'b', 'c', 'd'],
    ['e', 'f'],
  ]);
  // As if a file of the engine had imported one of the session.
  const [file = ''] = files.filter((name) => name.startsWith('worker/engine/'));
  const upward = new Map([...imported, [file, ['worker/session/session.ts']]]);
  assert.deepEqual(layerViolations(roomGraph(upward)), ['worker/engine imports worker/session']);
  const back = new Map([...upward, ['worker/session/session.ts', [file]]]);
  assert.ok(circles(back).some((members) => members.includes(file)));
  assert.ok(circles(roomGraph(back)).some((members) => members.includes('worker/engine')));
});

test('the environment is read only where configuration is parsed', () => {
  const entries = [
    'edge/config.ts',
    'edge/node.ts',
    'edge/index.ts',
    // It writes programs that read it.
    'edge/examples/typescript.ts',
    'worker/config.ts',
    'worker/main.ts',
    'worker/export/cli.ts',
    'worker/hub/cli.ts',
    'worker/remote/pushCli.ts',
    'worker/sweepCli.ts',
  ];
  const readers = files.filter(
    (file) =>
      /^(shared|edge|worker)\//.test(file) &&
      readFileSync(join(root, file), 'utf8').includes('process.env'),
  );
  assert.deepEqual(
    readers.filter((file) => !entries.includes(file)),
    [],
  );
});

test('no file grows past 300 lines', () => {
  const long = files.flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length - 1;
    return lines > 300 ? [`${file}: ${lines} lines`] : [];
  });
  assert.deepEqual(long, []);
});

test('no default exports outside the Workers entry', () => {
  const found = files.filter((file) =>
    /^export default /m.test(readFileSync(join(root, file), 'utf8')),
  );
  assert.deepEqual(found, ['edge/index.ts']);
});

test('the committed demo model stays under 30 MB', () => {
  const folder = join(root, 'infra/demo/model');
  const bytes = readdirSync(folder).reduce((sum, f) => sum + statSync(join(folder, f)).size, 0);
  assert.ok(bytes > 1_000_000, 'the model is there');
  assert.ok(bytes <= 30_000_000, `${bytes} bytes`);
});
