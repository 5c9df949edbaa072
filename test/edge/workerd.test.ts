import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createS3Store } from '../../shared/store/s3.ts';
import { SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import { s3Environment, s3Missing, s3Settings } from '../support/s3.ts';
import { until } from '../support/waiting.ts';
import { startWorkerd } from '../support/workerd.ts';
import { startWorkerdAlone } from '../support/workerdAlone.ts';
import { problemOf } from './errors.ts';
import { edgeSuite } from './suite.ts';

const noServer = s3Missing();

const s3Store = async (): Promise<Record<string, string>> => s3Environment(await s3Settings());

edgeSuite({
  name: noServer === undefined ? 'workerd with the s3 store' : 'workerd with the memory store',
  // What is deployed, and in half the time that it takes behind the proxy and the debugger of `wrangler dev`.
  start: startWorkerdAlone,
  // It learns that a connection was broken (below), not that a caller closed one.
  tellsLeaving: false,
  store: async () => (noServer === undefined ? await s3Store() : { FOURM_STORE: 'memory' }),
  shared: noServer === undefined ? async () => createS3Store(await s3Settings()) : undefined,
});

test('wrangler dev: a wrong S3 secret stops readiness, but not work', {
  skip: noServer ?? false,
}, async () => {
  const worker = await startFakeWorker();
  const edge = await startWorkerd({
    ...(await s3Store()),
    S3_SECRET_ACCESS_KEY: 'wrong',
    FOURM_WORKERS: worker.url,
    FOURM_WORKER_SECRET: SECRET,
  });
  try {
    await problemOf(await fetch(`${edge.url}/readyz`), 'not_ready');
    const answer = await fetch(`${edge.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: { caption: 'x' }, targets: ['depth'] }),
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('cache-status'), 'fourm-edge; fwd=miss');
  } finally {
    await edge.close();
    await worker.close();
  }
});

/** Sends a request, and breaks the connection without a farewell when told to. */
function askAndBreak(url: string, body: object, accept: string): () => void {
  const { hostname, port } = new URL(url);
  const text = JSON.stringify(body);
  const head = `POST /v1/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
  const socket = connect(Number(port), hostname, () => {
    socket.write(`${head}accept: ${accept}\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
  });
  socket.on('error', () => {});
  return () => void socket.resetAndDestroy();
}

test('workerd alone: the work stops when the last caller has gone, and not before', async () => {
  const worker = await startFakeWorker();
  const edge = await startWorkerdAlone({
    FOURM_WORKERS: worker.url,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_STORE: 'memory',
  });
  try {
    worker.gate = new Promise(() => {});
    for (const accept of ['application/json', 'text/event-stream']) {
      const [asked, gone] = [worker.asked.length, worker.gone.length];
      const body = { inputs: { caption: accept }, targets: ['depth'] };
      const leaving = [askAndBreak(edge.url, body, accept)];
      await until(() => worker.asked.length === asked + 1, 'the worker was asked');
      leaving.push(askAndBreak(edge.url, body, 'application/json'));
      await pause(1000);
      leaving[1]?.();
      await pause(500);
      assert.equal(worker.gone.length, gone, 'the first still waits');
      leaving[0]?.();
      await until(() => worker.gone.length === gone + 1, `the worker was left: ${accept}`);
      assert.equal(worker.asked.length, asked + 1);
    }
  } finally {
    await edge.close();
    await worker.close();
  }
});
