import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import { s3Missing, s3Settings } from '../support/s3.ts';
import { startWorkerd } from '../support/workerd.ts';
import { problemOf } from './errors.ts';
import { edgeSuite } from './suite.ts';

const noServer = s3Missing();

const s3Environment = async (): Promise<Record<string, string>> => {
  const settings = await s3Settings();
  return {
    FOURM_STORE: 's3',
    S3_ENDPOINT: settings.endpoint!,
    S3_REGION: settings.region,
    S3_BUCKET: settings.bucket,
    S3_ACCESS_KEY_ID: settings.accessKeyId,
    S3_SECRET_ACCESS_KEY: settings.secretAccessKey,
  };
};

edgeSuite({
  name: noServer === undefined ? 'workerd with the s3 store' : 'workerd with the memory store',
  start: startWorkerd,
  // The proxy of `wrangler dev` does not pass on that a connection has closed.
  tellsLeaving: false,
  store: async () => (noServer === undefined ? await s3Environment() : { FOURM_STORE: 'memory' }),
});

test('workerd: a wrong S3 secret stops readiness, but not work', {
  skip: noServer ?? false,
}, async () => {
  const worker = await startFakeWorker();
  const edge = await startWorkerd({
    ...(await s3Environment()),
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
    assert.equal(answer.headers.get('cache-status'), '4m-edge; fwd=miss');
  } finally {
    await edge.close();
    await worker.close();
  }
});
