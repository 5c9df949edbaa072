/** How a worker process lives and ends: signals, drains, errors, devices; and work that nobody waits for. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { freePort } from '../../infra/stack.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { until } from '../support/waiting.ts';
import {
  callWorker,
  generateBody,
  LONG,
  spawnWorker,
  startWorkerProcess,
  untilRunning,
  type WorkerProcess,
} from '../support/workerProcess.ts';

const GENERATE = '/internal/generate';
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("a worker's life", { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let worker: WorkerProcess | undefined;
  before(async () => {
    set = await exportDemo(demoSource() ?? '');
  });
  afterEach(() => {
    worker?.child.kill('SIGKILL');
  });
  after(() => set.remove());

  const start = async (env: Record<string, string> = {}): Promise<WorkerProcess> => {
    worker = await startWorkerProcess(set.modelsFolder, env);
    return worker;
  };
  /** A request as a stream, resolved when its first step is done: then what else it answers can be read. */
  const startStream = async (url: string, request = LONG) => {
    const body = generateBody(request);
    const response = await callWorker(url, GENERATE, { body, accept: 'text/event-stream' });
    const reader = response.body?.getReader();
    await reader?.read();
    return async () => {
      const decoder = new TextDecoder();
      let text = '';
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read())
        text += decoder.decode(part.value, { stream: true });
      return text;
    };
  };

  test('SIGTERM: what outlives the drain is answered 503, then the worker ends with 0', async () => {
    const { child, url, ended, entries } = await start({
      FOURM_DRAIN_SECONDS: '1',
      FOURM_SLOTS: '2',
    });
    const whole = callWorker(url, GENERATE, { body: generateBody(LONG) });
    const streamed = await startStream(url);
    child.kill('SIGTERM');
    const answer = await whole;
    assert.equal(answer.status, 503);
    const { code, detail } = await answer.json();
    assert.equal(code, 'not_ready');
    assert.match(detail, /stopping/);
    assert.match(await streamed(), /event: problem\ndata: .*"code":"not_ready"/);
    assert.equal(await ended, 0);
    assert.ok(entries.some(({ event }) => event === 'stopped'));
  });

  test('SIGTERM: what ends within the drain is answered', async () => {
    const { child, url, ended, logged } = await start({ FOURM_DRAIN_SECONDS: '60' });
    const running = await startStream(url, {
      inputs: { caption: 'a cube' },
      targets: [{ modality: 'rgb', steps: 64 }],
    });
    child.kill('SIGTERM');
    await logged(({ event }) => event === 'stopping');
    await assert.rejects(fetch(`${url}/v2/health/live`), 'no new connection is taken');
    assert.match(await running(), /event: result/);
    assert.equal(await ended, 0);
  });

  test('a second SIGTERM ends the drain', async () => {
    const { child, url, ended, logged } = await start({ FOURM_DRAIN_SECONDS: '3600' });
    const running = await startStream(url);
    child.kill('SIGTERM');
    await logged(({ event }) => event === 'stopping');
    child.kill('SIGTERM');
    assert.match(await running(), /"code":"not_ready"/);
    assert.equal(await ended, 0);
  });

  test('SIGTERM while the models are loaded: ends with 0', async () => {
    worker = spawnWorker(set.modelsFolder, { FOURM_WORKER_PORT: String(await freePort()) });
    const isAlive = () =>
      fetch(`${worker?.url}/v2/health/live`).then(
        () => true,
        () => false,
      );
    while (!(await isAlive())) await pause(5);
    worker.child.kill('SIGTERM');
    assert.equal(await worker.ended, 0);
    assert.ok(!worker.entries.some(({ event }) => event === 'ready'));
  });

  test('an error that nobody expected: callers are told, the log says it, the code is 1', async () => {
    const preload = join(set.modelsFolder, 'preload.mjs');
    await writeFile(
      preload,
      `process.on('SIGUSR2', () => { Promise.reject(new Error('a fault of ours')); });`,
    );
    const { child, url, ended, entries } = await start({
      NODE_OPTIONS: `--import ${pathToFileURL(preload)}`,
    });
    const running = await startStream(url);
    child.kill('SIGUSR2');
    assert.match(await running(), /"code":"not_ready"/);
    assert.equal(await ended, 1);
    const entry = entries.find(({ event }) => event === 'uncaught');
    assert.match(String(entry?.message), /an error that nobody expected/);
    assert.match(String(entry?.error), /a fault of ours/);
  });

  test('a device that is not there, or is none, is a clear error at the start', async () => {
    for (const [device, message] of [
      ['cuda', /cannot be loaded on cuda:0/],
      ['gpu', /FOURM_DEVICE: has to be cpu, cuda, or cuda:N/],
    ] as const) {
      worker = spawnWorker(set.modelsFolder, { FOURM_DEVICE: device });
      assert.equal(await worker.ended, 2);
      const text = worker.entries.map((entry) => entry.text ?? '').join('\n');
      assert.match(text, message);
      assert.doesNotMatch(text, /export it again/, 'no export would run there');
    }
  });

  test('work stops when its caller has gone, streams or not', async () => {
    const { child, url, logged } = await start();
    /** Seconds of processor time so far. */
    const used = async (): Promise<number> => {
      const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
      const [user = 0, system = 0] =
        stat.split(') ')[1]?.split(' ').slice(11, 13).map(Number) ?? [];
      return (user + system) / 100;
    };
    for (const accept of ['application/json', 'text/event-stream']) {
      const gone = new AbortController();
      const body = generateBody(LONG, { id: accept });
      const answer = callWorker(url, GENERATE, { body, accept, signal: gone.signal });
      await untilRunning(url, 1);
      gone.abort();
      await answer.catch(() => undefined);
      await logged(({ id, status }) => id === accept && status === 'gone');
      // One step may still be under way.
      await untilRunning(url, 0);
      await until(async () => {
        const before = await used();
        await pause(1000);
        return (await used()) - before < 0.3;
      }, 'the worker rests');
    }
  });

  test('a deadline is told in time, by the name of its limit', async () => {
    const { url } = await start();
    const long = { ...LONG, deadline_ms: 500 };
    const answer = await callWorker(url, GENERATE, { body: generateBody(long) });
    assert.equal(answer.status, 504);
    const { code, detail, errors } = await answer.json();
    assert.equal(code, 'deadline_exceeded');
    assert.match(detail, /its deadline_ms of 500/);
    assert.equal(errors[0].pointer, '/deadline_ms');
  });
});
