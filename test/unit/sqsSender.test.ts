/** How the edge sends to SQS: what is on the wire, whether its signature holds, and what is tried again. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, beforeEach, test } from 'node:test';
import { parseConfig } from '../../edge/config.ts';
import { createSqsSender } from '../../edge/jobs/sqs.ts';
import { openSqs, startSqs } from '../support/sqs.ts';

const SECRET = 'the secret of this test';
interface Call {
  readonly request: IncomingMessage;
  readonly body: string;
}
const calls: Call[] = [];
/** Statuses of the next answers; 200 when there are none. */
const answers: { status: number; body?: string }[] = [];
let url = '';
const server = createServer(async (request, response) => {
  calls.push({ request, body: await text(request) });
  const { status, body = '{"MessageId":"1"}' } = answers.shift() ?? { status: 200 };
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body);
});
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  calls.length = 0;
  answers.length = 0;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const configured = (more: Record<string, string> = {}) =>
  parseConfig({
    FOURM_STORE: 'disk',
    FOURM_QUEUE: 'sqs',
    FOURM_WORKERS: '',
    SQS_REGION: 'eu-central-1',
    SQS_ENDPOINT: url,
    SQS_ACCESS_KEY_ID: 'AKID',
    SQS_SECRET_ACCESS_KEY: SECRET,
    SQS_QUEUE_URL_INTERACTIVE: 'https://sqs.eu-central-1.amazonaws.com/1/interactive',
    SQS_QUEUE_URL_BATCH: 'https://sqs.eu-central-1.amazonaws.com/1/batch',
    ...more,
  });

const hmac = (key: string | Buffer, data: string): Buffer =>
  createHmac('sha256', key).update(data).digest();
const hash = (data: string): string => createHash('sha256').update(data).digest('hex');

/** AWS Signature Version 4, as AWS's manual describes it, of a POST to `/`. */
function signatureOf({ request, body }: Call): string {
  const [, scope = '', signed = ''] =
    /Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+),/.exec(
      request.headers.authorization ?? '',
    ) ?? [];
  const names = signed.split(';');
  const headers = names.map((name) => `${name}:${request.headers[name]}\n`).join('');
  const canonical = ['POST', '/', '', headers, signed, hash(body)].join('\n');
  const date = String(request.headers['x-amz-date']);
  const toSign = ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n');
  const [day = '', region = '', service = '', end = ''] = scope.split('/');
  const key = [region, service, end].reduce(hmac, hmac(`AWS4${SECRET}`, day));
  assert.deepEqual([region, service, end], ['eu-central-1', 'sqs', 'aws4_request']);
  for (const name of ['host', 'x-amz-date', 'x-amz-target']) assert.ok(names.includes(name), name);
  return hmac(key, toSign).toString('hex');
}

test('a message is one signed call, to the queue that is meant', async () => {
  const send = createSqsSender(configured());
  await send('batch', 'späte "Arbeit"');
  await send('interactive', 'now');
  assert.deepEqual(
    calls.map(({ body }) => JSON.parse(body)),
    [
      {
        QueueUrl: 'https://sqs.eu-central-1.amazonaws.com/1/batch',
        MessageBody: 'späte "Arbeit"',
      },
      { QueueUrl: 'https://sqs.eu-central-1.amazonaws.com/1/interactive', MessageBody: 'now' },
    ],
  );
  for (const call of calls) {
    assert.equal(call.request.headers['x-amz-target'], 'AmazonSQS.SendMessage');
    const given = /Signature=([0-9a-f]{64})$/.exec(call.request.headers.authorization ?? '')?.[1];
    assert.equal(given, signatureOf(call));
  }
});

test('what may pass is tried again, and what will not is told at once', async () => {
  const send = createSqsSender(configured());
  answers.push({ status: 503 }, { status: 400, body: '{"__type":"...#RequestThrottled"}' });
  await send('batch', 'a');
  assert.equal(calls.length, 3);
  answers.push({ status: 400, body: '{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}' });
  await assert.rejects(send('batch', 'b'), /SendMessage.*batch: 400.*QueueDoesNotExist/);
  assert.equal(calls.length, 4);
  answers.push(...Array.from({ length: 9 }, () => ({ status: 500 })));
  await assert.rejects(send('batch', 'c'), /500/);
  assert.equal(calls.length, 8, 'four tries');
});

test('a server of queues understands it, and workers receive it', async () => {
  const sqs = await startSqs();
  try {
    const { queue, url: QueueUrl } = openSqs(sqs, 'jobs', 30);
    const settings = { SQS_ENDPOINT: sqs.settings.endpoint ?? '', SQS_QUEUE_URL_BATCH: QueueUrl };
    await createSqsSender(configured(settings))('batch', 'späte "Arbeit"');
    const [received] = await queue.receive({ most: 1, waitSeconds: 2 });
    assert.equal(received?.body, 'späte "Arbeit"');
  } finally {
    await sqs.stop();
  }
});

test('a configuration that cannot work names what is missing', () => {
  assert.throws(() => configured({ SQS_QUEUE_URL_BATCH: '' }), /sqs needs SQS_QUEUE_URL_BATCH/);
  assert.throws(() => configured({ FOURM_STORE: 'memory' }), /FOURM_QUEUE=sqs needs FOURM_STORE/);
  assert.throws(() => configured({ FOURM_QUEUE: 'process' }), /FOURM_WORKERS: names no worker/);
});
