/** What an edge answers while its worker does not: stored results at once, the rest with a clear problem. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseConfig } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { type FakeWorker, SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import { until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-absent-'));
after(() => rm(folder, { recursive: true, force: true }));

const start = async (worker: FakeWorker, more: Record<string, string> = {}) => {
  const config = parseConfig({
    PORT: '0',
    FOURM_WORKERS: worker.url,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_MODELS_TTL_SECONDS: '0',
    FOURM_STORE: 'disk',
    FOURM_STORE_DIR: join(folder, 'store'),
    ...more,
  });
  const edge = await startEdge(config);
  return { url: `http://127.0.0.1:${edge.port}`, close: edge.close };
};
const ask = (url: string, seed: number, accept = '*/*') =>
  fetch(`${url}/v1/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify({ inputs: { caption: 'absent' }, targets: ['depth'], seed }),
  });
const hit = async (url: string, accept?: string): Promise<void> => {
  const answer = await ask(url, 1, accept);
  assert.equal(answer.headers.get('cache-status'), 'fourm-edge; hit');
  assert.equal(answer.status, 200);
  await answer.arrayBuffer();
};

test('a stopped worker: stored results are answered, and the rest is told to come again', async () => {
  const worker = await startFakeWorker();
  const first = await start(worker);
  assert.equal((await ask(first.url, 1)).status, 200);
  // It takes connections and says nothing, as a process does that was sent SIGSTOP.
  worker.isSilent = true;
  for (const accept of ['application/json', 'image/png', 'text/event-stream']) {
    await hit(first.url, accept);
  }
  const models = await fetch(`${first.url}/v1/models`);
  assert.equal(models.status, 200, 'the models known last are told');
  await models.arrayBuffer();
  const answer = await ask(first.url, 2);
  assert.ok(Number(answer.headers.get('retry-after')) > 0);
  await problemOf(answer, 'worker_unavailable');
  await first.close();

  // An edge that starts meanwhile has never heard of a model; the store has.
  const second = await start(worker);
  await hit(second.url);
  await problemOf(await ask(second.url, 2), 'worker_unavailable');
  worker.isSilent = false;
  assert.equal((await ask(second.url, 2)).status, 200, 'a worker that goes on is found');
  await second.close();
  await worker.close();
});

test('a dead worker: the same, and one that comes back is found', async () => {
  const worker = await startFakeWorker();
  const port = Number(new URL(worker.url).port);
  const edge = await start(worker);
  await (await ask(edge.url, 1)).arrayBuffer();
  await worker.close();
  await hit(edge.url);
  await problemOf(await ask(edge.url, 3), 'worker_unavailable');
  const again = await start(worker);
  await hit(again.url);
  const back = await startFakeWorker(port);
  assert.equal((await ask(again.url, 3)).status, 200);
  assert.equal((await ask(edge.url, 4)).status, 200);
  await Promise.all([edge.close(), again.close(), back.close()]);
});

test('a model that was replaced while nobody asked is known when the worker answers', async () => {
  const worker = await startFakeWorker();
  const edge = await start(worker);
  await (await ask(edge.url, 5)).arrayBuffer();
  worker.model = { ...worker.model, digest: crypto.randomUUID() };
  const answer = await ask(edge.url, 5);
  assert.equal(answer.headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
  await answer.arrayBuffer();
  await Promise.all([edge.close(), worker.close()]);
});

for (const accept of ['application/json', 'text/event-stream']) {
  test(`the time limit of a worker is a problem of its own: ${accept}`, async () => {
    const worker = await startFakeWorker();
    const edge = await start(worker, { FOURM_WORKER_TIMEOUT_SECONDS: '1' });
    let open = (): void => {};
    worker.gate = new Promise((resolve) => {
      open = resolve;
    });
    const answer = await ask(edge.url, 6, accept);
    const problem =
      accept === 'application/json'
        ? await problemOf(answer.clone(), 'time_limit_exceeded')
        : JSON.parse((await answer.text()).split('data: ').at(-1) ?? '');
    assert.deepEqual(
      [problem.code, problem.status, problem.retryable],
      ['time_limit_exceeded', 504, false],
    );
    assert.match(problem.detail, /1 s.*FOURM_WORKER_TIMEOUT_SECONDS/);
    assert.equal(answer.headers.get('retry-after'), null);
    await until(() => worker.gone.length > 0, 'the worker was told to stop');
    assert.equal(worker.gone.length, 1);
    open();
    await Promise.all([edge.close(), worker.close()]);
  });
}
