/** The worker's environment: defaults, and messages that name what is wrong without showing it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWorkerConfig } from '../../worker/config.ts';

const needed = { FOURM_MODELS_DIR: '/models', FOURM_WORKER_SECRET: '0123456789abcdef' };

test('defaults', () => {
  assert.deepEqual(parseWorkerConfig(needed), {
    port: 8788,
    host: '127.0.0.1',
    modelsFolder: '/models',
    secret: '0123456789abcdef',
    threads: undefined,
    device: { kind: 'cpu' },
    slots: 2,
    queue: 16,
    drainSeconds: 10,
  });
});

test('every mistake is named, and no secret is shown', () => {
  const wrong = {
    FOURM_WORKER_SECRET: 'hunter2',
    FOURM_SLOTS: '0',
    FOURM_WORKER_PORT: 'x',
    FOURM_DEVICE: 'gpu',
  };
  assert.throws(
    () => parseWorkerConfig(wrong),
    (error: Error) =>
      [
        'FOURM_MODELS_DIR',
        'FOURM_WORKER_SECRET',
        'FOURM_SLOTS',
        'FOURM_WORKER_PORT',
        'FOURM_DEVICE: has to be cpu, cuda, or cuda:N',
      ].every((name) => error.message.includes(name)) && !error.message.includes('hunter2'),
  );
});

test('a device is named, with the number of its card', () => {
  const device = (text: string) => parseWorkerConfig({ ...needed, FOURM_DEVICE: text }).device;
  assert.deepEqual(device('cuda'), { kind: 'cuda', index: 0 });
  assert.deepEqual(device('cuda:3'), { kind: 'cuda', index: 3 });
  for (const text of ['', 'CUDA', 'cuda:', 'cuda:x', 'cuda:-1', 'webgpu', 'cpu:1'])
    assert.throws(() => device(text), /FOURM_DEVICE/, text);
});
