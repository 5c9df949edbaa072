import assert from 'node:assert/strict';
import { mkdtemp, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseConfig, redacted } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { generateResponseSchema } from '../../shared/api/generate.ts';
import { signLine } from '../../shared/api/lineHeaders.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { closeAll, ask as rawAsk } from '../security/ask.ts';
import { SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import { until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import { type Edge, edgeSuite } from './suite.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-edge-'));
after(() => rm(folder, { recursive: true, force: true }));

const start = async (env: Record<string, string>): Promise<Edge> => {
  const edge = await startEdge(parseConfig({ PORT: '0', ...env }));
  return { url: `http://127.0.0.1:${edge.port}`, close: edge.close };
};
const body = JSON.stringify({ inputs: { caption: 'x' }, targets: ['depth'] });
const post = (url: string, given = body): Promise<Response> =>
  fetch(`${url}/v1/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: given,
  });

edgeSuite({
  name: 'Node with the disk store',
  start,
  tellsLeaving: true,
  store: async () => ({ FOURM_STORE: 'disk', FOURM_STORE_DIR: folder }),
  shared: async () => createDiskStore(folder),
});

test('results outlive the process', async () => {
  const worker = await startFakeWorker();
  const env = {
    FOURM_WORKERS: worker.url,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_STORE: 'disk',
    FOURM_STORE_DIR: join(folder, 'kept'),
  };
  const first = await start(env);
  await post(first.url);
  await first.close();
  const second = await start(env);
  assert.equal((await post(second.url)).headers.get('cache-status'), 'fourm-edge; hit');
  await second.close();
  await worker.close();
});

test('a result that was answered as stored is stored when the store can write again', async (t) => {
  const worker = await startFakeWorker();
  t.after(() => worker.close());
  const broken = join(folder, 'broken');
  const edge = await start({
    FOURM_WORKERS: worker.url,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_STORE: 'disk',
    FOURM_STORE_DIR: broken,
  });
  t.after(() => edge.close());
  const ask = (caption: string): Promise<Response> =>
    post(edge.url, JSON.stringify({ inputs: { caption }, targets: ['depth'] }));
  await ask('first');
  const results = join(broken, 'objects', 'results+');
  await rename(results, `${results}-away`);
  await writeFile(results, 'no folder');
  const lost = await ask('second');
  assert.equal(lost.headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
  const id = lost.headers.get('x-4m-result');
  assert.equal((await ask('second')).headers.get('cache-status'), 'fourm-edge; hit');
  await rm(results);
  await rename(`${results}-away`, results);
  const store = createDiskStore(broken);
  const key = `results/default/${id?.slice(0, 2)}/${id}.json`;
  await until(async () => (await store.get(key)) !== undefined, 'it is in the store');
});

test('kept tokens that were damaged or deleted are a problem, until they are kept again', async () => {
  const worker = await startFakeWorker();
  const stored = join(folder, 'damaged');
  const edge = await start({
    FOURM_WORKERS: worker.url,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_STORE: 'disk',
    FOURM_STORE_DIR: stored,
  });
  const keeping = JSON.stringify({
    inputs: { caption: 'x' },
    targets: ['depth'],
    keep: true,
    chained: false,
  });
  const keep = async () => {
    const answer = await post(edge.url, keeping);
    const result = generateResponseSchema.parse(await answer.json());
    return {
      status: answer.headers.get('cache-status'),
      ref: result.outputs.depth?.[0]?.ref ?? '',
    };
  };
  const { ref } = await keep();
  assert.equal((await keep()).status, 'fourm-edge; hit');
  const file = join(
    stored,
    'objects',
    'tokens+',
    'default+',
    `${ref.slice('sha256:'.length)}.json`,
  );
  for (const damage of [() => truncate(file, 100), () => truncate(file, 0), () => rm(file)]) {
    await damage();
    await problemOf(await fetch(`${edge.url}/v1/tokens/${ref}`), 'unknown_ref');
    assert.deepEqual(await keep(), { status: 'fourm-edge; fwd=miss; stored', ref });
    assert.equal((await fetch(`${edge.url}/v1/tokens/${ref}`)).status, 200);
    assert.equal((await keep()).status, 'fourm-edge; hit');
  }
  await edge.close();
  await worker.close();
});

test('no worker at all: alive, not ready, 503 with Retry-After; back when one comes', async () => {
  const gone = await startFakeWorker();
  await gone.close();
  const edge = await start({ FOURM_WORKERS: gone.url, FOURM_WORKER_SECRET: SECRET });
  const answer = await post(edge.url);
  assert.ok(Number(answer.headers.get('retry-after')) > 0);
  await problemOf(answer, 'worker_unavailable');
  await problemOf(await fetch(`${edge.url}/v1/models`), 'worker_unavailable');
  await problemOf(await fetch(`${edge.url}/readyz`), 'not_ready');
  assert.equal((await fetch(`${edge.url}/healthz`)).status, 200);
  const back = await startFakeWorker(Number(new URL(gone.url).port));
  assert.equal((await post(edge.url)).status, 200);
  await edge.close();
  await back.close();
});

test("a worker that refuses the signature is the operator's problem, not a 401", async () => {
  const worker = await startFakeWorker();
  const edge = await start({ FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: 'another' });
  await problemOf(await post(edge.url), 'worker_unavailable');
  await edge.close();
  await worker.close();
});

test('a store that cannot be used stops readiness, but not work', async () => {
  const worker = await startFakeWorker();
  const edge = await start({
    FOURM_WORKERS: worker.url,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_STORE: 'disk',
    FOURM_STORE_DIR: '/dev/null/store',
  });
  const problem = await problemOf(await fetch(`${edge.url}/readyz`), 'not_ready');
  assert.match(problem.detail, /the disk store cannot be used/);
  const answer = await post(edge.url);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('cache-status'), 'fourm-edge; fwd=miss');
  await edge.close();
  await worker.close();
});

test('jobs: none where the workers do not have the store, and nothing is left to be done', async () => {
  const worker = await startFakeWorker();
  const kept = join(folder, 'unshared');
  const edge = await start({
    FOURM_WORKERS: worker.url,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_STORE: 'disk',
    FOURM_STORE_DIR: kept,
  });
  const ask = (): Promise<Response> =>
    fetch(`${edge.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'respond-async' },
      body,
    });
  await problemOf(await ask(), 'no_jobs');
  const { keys } = await createDiskStore(kept).list('job-inputs/');
  assert.deepEqual(keys, []);
  // A worker that is away may have it: the job waits for it in the store.
  await worker.close();
  assert.equal((await ask()).status, 202);
  await edge.close();
});

test('without keys names that lead here from elsewhere are refused (DNS rebinding), signed requests are not', async () => {
  const worker = await startFakeWorker();
  const env = { FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: SECRET };
  const edge = await start(env);
  const named = await start({ ...env, FOURM_PUBLIC_URL: 'https://models.example' });
  const statusOf = async ({ url }: Edge, host: string): Promise<number> =>
    (await rawAsk(url, { path: '/v1/models', headers: { host } })).status;
  const hosts = [
    'localhost',
    '127.0.0.1:8787',
    '[::1]:1',
    'models.example',
    'evil.example',
    'localhost.evil.example',
    '10.0.0.1',
    'x.localhost',
  ];
  const statuses = async (one: Edge) =>
    Object.fromEntries(
      await Promise.all(hosts.map(async (host) => [host, await statusOf(one, host)] as const)),
    );
  const ours = { localhost: 200, '127.0.0.1:8787': 200, '[::1]:1': 200, 'x.localhost': 200 };
  const others = { 'evil.example': 403, 'localhost.evil.example': 403, '10.0.0.1': 403 };
  assert.deepEqual(await statuses(edge), { ...ours, ...others, 'models.example': 403 });
  assert.deepEqual(await statuses(named), { ...ours, ...others, 'models.example': 200 });
  const page = await rawAsk(edge.url, { path: '/healthz', headers: { host: 'evil.example' } });
  assert.equal(page.status, 200, 'what is open to everybody stays so');
  const path = '/v1/generate';
  const line = new TextEncoder().encode(body);
  const signed = await signLine(SECRET, path, 'default', line, Date.now() / 1000);
  const headers = { ...signed, host: 'edge.internal', 'content-type': 'application/json' };
  assert.equal((await rawAsk(edge.url, { method: 'POST', path, headers, body: line })).status, 200);
  closeAll();
  await edge.close();
  await named.close();
  await worker.close();
});

test('FOURM_CORS_ORIGIN: pages of the origins that it names may read answers, and no other', async () => {
  const worker = await startFakeWorker();
  const env = { FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: SECRET };
  const [one, another] = ['https://one.example', 'https://another.example'];
  const evil = 'https://one.example.evil.example';
  const path = '/v1/models';
  for (const [said, auth, readers, askers] of [
    ['none', 'open', [], [one, another, evil]],
    ['none', 'off', [], []],
    [`${one}, ${another}`, 'open', [one, another], [one, another, evil]],
    [`${one},${another}`, 'off', [one, another], [one, another]],
    ['*', 'off', [one, another, evil], [one, another, evil]],
  ] as const) {
    const edge = await start({ ...env, FOURM_AUTH: auth, FOURM_CORS_ORIGIN: said });
    const read: string[] = [];
    const asked: string[] = [];
    for (const origin of [one, another, evil]) {
      const answer = await fetch(edge.url + path, { headers: { origin } });
      const allowed = answer.headers.get('access-control-allow-origin');
      if (allowed === origin || allowed === '*') read.push(origin);
      assert.equal(answer.headers.get('access-control-allow-credentials'), null);
      if (answer.status === 200) asked.push(await answer.json().then(() => origin));
      else await problemOf(answer, 'forbidden_origin');
    }
    assert.deepEqual([read, asked], [readers, askers], `${said}, FOURM_AUTH=${auth}`);
    await edge.close();
  }
  await worker.close();
});

test('configuration: defaults, refusals by name, secrets never printed', async () => {
  const config = parseConfig({
    FOURM_WORKER_SECRET: 'hush-hush',
    FOURM_WORKERS: 'http://a/, http://b',
  });
  assert.equal(config.PORT, 8787);
  assert.deepEqual(config.FOURM_WORKERS, ['http://a', 'http://b']);
  assert.ok(!JSON.stringify(redacted(config)).includes('hush-hush'));
  assert.throws(() => parseConfig({ PORT: 'x', FOURM_WORKERS: 'ftp://x' }), /PORT.*FOURM_WORKERS/);
  assert.throws(() => parseConfig({ FOURM_STORE: 's3', S3_BUCKET: 'b' }), /needs S3_ACCESS_KEY_ID/);
  assert.throws(() => parseConfig({ FOURM_KEY_TTL_SECONDS: '51' }), /FOURM_KEY_TTL_SECONDS/);
  assert.ok((await readdir(folder)).length > 0);
});
