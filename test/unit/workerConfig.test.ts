/** The worker's environment: defaults, and messages that name what is wrong without showing it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWorkerConfig } from '../../worker/config.ts';

const needed = { FOURM_MODELS_DIR: '/models', FOURM_WORKER_SECRET: '0123456789abcdef' };

test('defaults', () => {
  const { queues, ...config } = parseWorkerConfig(needed);
  assert.equal(typeof queues, 'function');
  assert.deepEqual(config, {
    port: 8788,
    host: '127.0.0.1',
    modelsFolder: '/models',
    modelStore: undefined,
    collections: undefined,
    sharedStore: undefined,
    modelsHub: [],
    hubEnvironment: {},
    modelCache: '.data/model-cache',
    modelParts: 'all',
    memoryBudget: undefined,
    modelWaitSeconds: 120,
    modelsPollSeconds: 5,
    secret: '0123456789abcdef',
    threads: undefined,
    device: { kind: 'cpu' },
    slots: 32,
    jobSlots: 16,
    queueTokens: 1_000_000,
    drainSeconds: 10,
    sweepSeconds: 60,
    lookMilliseconds: 250,
    keepDays: 30,
    urlsAllow: { http: false, loopback: false },
    metrics: { at: 'path' },
    traces: false,
    secretsKey: undefined,
    usageSink: undefined,
    acceptsEveryLicence: false,
    edge: undefined,
    batchParallel: 16,
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

test('collections lie in a folder, or in a bucket with its keys', () => {
  const place = (more: Record<string, string>) =>
    parseWorkerConfig({ ...needed, ...more }).collections;
  assert.deepEqual(place({ FOURM_COLLECTIONS: '/c' }), { uri: '/c', storage: {} });
  const bucket = { FOURM_COLLECTIONS: 's3://bucket/prefix' };
  assert.throws(() => place(bucket), /S3_ACCESS_KEY_ID: is needed/);
  assert.throws(() => place({ FOURM_COLLECTIONS: 'gs://bucket' }), /FOURM_COLLECTIONS: has to be/);
  const keys = { S3_ACCESS_KEY_ID: 'k', S3_SECRET_ACCESS_KEY: 's', S3_ENDPOINT: 'http://h:9' };
  assert.deepEqual(place({ ...bucket, ...keys }), {
    uri: 's3://bucket/prefix',
    storage: {
      aws_access_key_id: 'k',
      aws_secret_access_key: 's',
      region: 'us-east-1',
      endpoint: 'http://h:9',
      allow_http: 'true',
      virtual_hosted_style_request: 'false',
    },
  });
});

test('a device is named, with the number of its card', () => {
  const device = (text: string) => parseWorkerConfig({ ...needed, FOURM_DEVICE: text }).device;
  assert.deepEqual(device('cuda'), { kind: 'cuda', index: 0 });
  assert.deepEqual(device('cuda:3'), { kind: 'cuda', index: 3 });
  for (const text of ['', 'CUDA', 'cuda:', 'cuda:x', 'cuda:-1', 'webgpu', 'cpu:1'])
    assert.throws(() => device(text), /FOURM_DEVICE/, text);
});

test('an amount of memory is a number with a unit', () => {
  const budget = (text: string) =>
    parseWorkerConfig({ ...needed, FOURM_MEMORY_BUDGET: text }).memoryBudget;
  assert.equal(budget('12GB'), 12e9);
  assert.equal(budget('1.5 GiB'), 1.5 * 2 ** 30);
  assert.equal(budget('800mb'), 8e8);
  assert.equal(budget('1000'), 1000);
  assert.equal(budget(''), undefined);
  for (const text of ['much', '-1', '0', '12 apples', 'GB', '1e9'])
    assert.throws(() => budget(text), /FOURM_MEMORY_BUDGET: has to be a number of bytes/, text);
});

test('models come from a folder, from a store, or from both', () => {
  const secret = { FOURM_WORKER_SECRET: needed.FOURM_WORKER_SECRET };
  assert.throws(() => parseWorkerConfig(secret), /FOURM_MODELS_DIR: is needed/);
  const disk = parseWorkerConfig({ ...secret, FOURM_MODELS_STORE: 'disk' });
  assert.equal(disk.modelsFolder, undefined);
  assert.ok(disk.modelStore);
  const s3 = {
    ...needed,
    FOURM_MODELS_STORE: 's3',
    S3_BUCKET: 'b',
    S3_SECRET_ACCESS_KEY: 'hidden',
  };
  assert.throws(
    () => parseWorkerConfig(s3),
    (error: Error) =>
      /S3_ACCESS_KEY_ID: is needed with FOURM_MODELS_STORE=s3/.test(error.message) &&
      !/S3_BUCKET|hidden/.test(error.message),
  );
});

test('models of the hub are names with a precision; their process gets none of the secrets', () => {
  const secrets = { HF_TOKEN: 'hf_x', S3_SECRET_ACCESS_KEY: 'hidden', PATH: '/bin' };
  const parse = (text: string) =>
    parseWorkerConfig({ ...needed, ...secrets, FOURM_MODELS_HUB: text });
  const { modelsHub, hubEnvironment } = parse('4m21-b:int8, EPFL-VILAB/4M-7_B_CC12M,');
  assert.deepEqual(modelsHub, [
    { name: '4m21-b', precision: 'int8' },
    { name: 'EPFL-VILAB/4M-7_B_CC12M', precision: 'fp32' },
  ]);
  assert.deepEqual(hubEnvironment, { HF_TOKEN: 'hf_x', PATH: '/bin' });
  for (const text of ['a/b/c', '4m21-b:fp64', '--all', 'a b', '../x'])
    assert.throws(() => parse(text), /FOURM_MODELS_HUB: has to be names/, text);
});

test('queues in SQS need their addresses, both halves of a key, and a store', async () => {
  const SQS = {
    ...needed,
    FOURM_QUEUE: 'sqs',
    FOURM_STORE: 'disk',
    SQS_QUEUE_URL_INTERACTIVE: 'http://queue/interactive',
    SQS_QUEUE_URL_BATCH: 'http://queue/batch',
    SQS_QUEUE_URL_WEBHOOKS: 'http://queue/webhooks',
    SQS_QUEUE_URL_DEAD: 'http://queue/dead',
  };
  const queues = await parseWorkerConfig(SQS).queues(() => {});
  assert.equal(queues.batch.isShared, true);
  assert.equal(queues.batch.visibilitySeconds, 30);
  assert.equal((await parseWorkerConfig(needed).queues(() => {})).batch.isShared, false);
  for (const [change, message] of [
    [{ SQS_QUEUE_URL_DEAD: '' }, /SQS_QUEUE_URL_DEAD: is needed with FOURM_QUEUE=sqs/],
    [{ SQS_ACCESS_KEY_ID: 'id' }, /one is of no use without the other/],
    [{ FOURM_STORE: 'none' }, /FOURM_QUEUE: sqs needs FOURM_STORE=disk or s3/],
    [{ FOURM_QUEUE: 'rabbit' }, /FOURM_QUEUE/],
  ] as const)
    assert.throws(() => parseWorkerConfig({ ...SQS, ...change }), message);
});

test('metrics are told on the own port, on another one, or not at all', () => {
  const place = (text: string) => parseWorkerConfig({ ...needed, FOURM_METRICS: text }).metrics;
  assert.deepEqual(place(''), { at: 'path' });
  assert.deepEqual(place('off'), { at: 'off' });
  assert.deepEqual(place('9464'), { at: 'address', host: '127.0.0.1', port: 9464 });
  assert.deepEqual(place('0.0.0.0:9464'), { at: 'address', host: '0.0.0.0', port: 9464 });
  assert.deepEqual(place('[::1]:9464'), { at: 'address', host: '::1', port: 9464 });
  for (const wrong of ['yes', ':9464', 'host', 'host:99999'])
    assert.throws(() => place(wrong), /FOURM_METRICS: has to be off, path, PORT or HOST:PORT/);
});
