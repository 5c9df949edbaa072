/** Secrets are sent to every place that takes some, and to all that fail with them: none comes to stand in a log. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, repositoryRoot } from '../../infra/stack.ts';
import { type DemoSet, exportDemo } from '../support/demoSet.ts';
import { until } from '../support/waiting.ts';
import { callWorker, spawnWorker, type WorkerProcess } from '../support/workerProcess.ts';

/** What must be found nowhere, by what it is. */
const SECRETS = {
  worker: 'w0rker-secret-of-this-test',
  access: 'AKIDOFTHISTEST000001',
  s3: 's3/Secret+OfThisTest/0123456789abcdef',
  hub: 'hf_OfThisTestAlone0123',
  /** 32 bytes in base64. */
  sealing: 'U2VhbGluZ0tleU9mVGhpc1Rlc3RPbmx5MDEyMzQ1Njc=',
  otlp: 'otlp-token-of-this-test',
  key: 'fm_live_key_of_a_caller_0001',
  cookie: 'session-of-a-caller-0001',
  webhook: 'whsec_T2ZUaGlzVGVzdEFsb25lMDEyMzQ1Njc4OQ==',
  signature: 'a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90',
  hook: 'pAth0fAHook1234567890Secret',
  caption: 'the private words of a caller',
  picture: 'UHJpdmF0ZUJ5dGVzT2ZBQ2FsbGVy'.repeat(8),
} as const;

const ADDRESS = `https://user:${SECRETS.key}@files.example.org/${SECRETS.hook}/x.png?X-Amz-Signature=${SECRETS.signature}`;

describe('secrets and logs', () => {
  /** Takes whatever comes for a store or a collector, and answers with all that it was sent. */
  let echo: Server;
  let echoed = '';
  let demo: DemoSet;
  let worker: WorkerProcess;
  let edge: ChildProcess;
  let url = '';
  let printed = '';

  before(async () => {
    echo = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const said = `${JSON.stringify(request.headers)} ${SECRETS.s3} ${request.url}`;
        echoed += said;
        const xml = `<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>${said.replaceAll('<', '').replaceAll('&', '')}</Message><AWSAccessKeyId>${SECRETS.access}</AWSAccessKeyId></Error>`;
        response.writeHead(403, { 'content-type': 'application/xml' }).end(xml);
      });
    });
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(echo.address() as AddressInfo).port}`;
    const common = {
      FOURM_STORE: 's3',
      S3_ENDPOINT: endpoint,
      S3_BUCKET: 'bucket',
      S3_ACCESS_KEY_ID: SECRETS.access,
      S3_SECRET_ACCESS_KEY: SECRETS.s3,
      FOURM_WORKER_SECRET: SECRETS.worker,
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${SECRETS.otlp}`,
      OTEL_BSP_SCHEDULE_DELAY: '100',
      FOURM_SECRETS_KEY: SECRETS.sealing,
      FOURM_LOG_LEVEL: 'debug',
    };
    const workerPort = String(await freePort());
    demo = await exportDemo();
    worker = spawnWorker(demo.modelsFolder, {
      ...common,
      FOURM_WORKER_PORT: workerPort,
      FOURM_QUEUE_TOKENS: '1000000',
      HF_TOKEN: SECRETS.hub,
    });
    await worker.logged(({ event }) => event === 'ready');
    const port = String(await freePort());
    edge = spawn(process.execPath, [join(repositoryRoot, 'dist/edge/node.js')], {
      env: { PATH: process.env.PATH, ...common, PORT: port, FOURM_WORKERS: worker.url },
      // The channel ends it with this process.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [edge.stdout, edge.stderr])
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        printed += chunk;
      });
    url = `http://127.0.0.1:${port}`;
    for (let tries = 0; tries < 300; tries++) {
      if (await fetch(`${url}/healthz`).catch(() => undefined)) return;
      await sleep(100);
    }
    assert.fail(`the edge does not answer: ${printed}`);
  });
  after(async () => {
    for (const child of [edge, worker?.child]) {
      if (!child || child.exitCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    echo?.close();
    echo?.closeAllConnections();
    await demo?.remove();
  });

  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${SECRETS.key}`,
    cookie: `session=${SECRETS.cookie}`,
    'x-request-id': `not an id ${SECRETS.key}`,
  };
  const ask = async (path: string, body?: unknown, more = {}): Promise<number> => {
    const response = await fetch(`${url}${path}`, {
      headers: { ...headers, ...more },
      ...(body !== undefined && {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    });
    await response.arrayBuffer();
    return response.status;
  };

  test('nothing of what was sent, or is set, stands in a line', async () => {
    const { caption, picture, webhook } = SECRETS;
    const data = `data:image/png;base64,${picture}`;
    const statuses = [
      await ask('/v1/generate', {
        inputs: { caption },
        targets: [{ modality: 'depth', steps: 1 }],
      }),
      await ask('/v1/generate', { inputs: { caption, [caption]: caption }, targets: ['depth'] }),
      await ask('/v1/generate', { inputs: { rgb: { data } }, targets: ['depth'] }),
      await ask('/v1/generate', { inputs: { rgb: { url: ADDRESS } }, targets: ['depth'] }),
      await ask('/v1/generate', { inputs: { caption }, targets: [caption], webhook: ADDRESS }),
      await ask(
        '/v1/generate',
        { inputs: { caption }, targets: ['depth'], webhook: { url: ADDRESS, secret: webhook } },
        { prefer: 'respond-async' },
      ),
      await ask('/v1/generate', `{"inputs": "${caption}`),
      await ask(
        `/v1/nothing/${SECRETS.hook}?key=${SECRETS.key}&X-Amz-Signature=${SECRETS.signature}`,
      ),
      await ask(`/v1/jobs?after=${SECRETS.key}`),
      await ask('/v1/embed', { inputs: { caption }, target: caption }),
      await ask('/readyz'),
    ];
    assert.ok(statuses.includes(200) && statuses.some((status) => status >= 400));
    // Strangers at the worker itself, with a body that says everything.
    await callWorker(worker.url, '/internal/generate', {
      body: JSON.stringify(SECRETS),
      secret: SECRETS.key,
    });
    await callWorker(worker.url, '/internal/generate', {
      body: JSON.stringify(SECRETS),
      secret: SECRETS.worker,
    });
    await fetch(`${worker.url}/internal/${SECRETS.hook}?key=${SECRETS.key}`);
    // Spans leave a while after what they are about.
    await until(() => echoed.includes(SECRETS.otlp), 'the collector was told');
    edge.kill('SIGTERM');
    worker.child.kill('SIGTERM');
    // Closed, so that all that it has printed is here.
    await Promise.all([once(edge, 'close'), worker.ended]);

    // The test means something: the secrets were there where they could be logged.
    for (const secret of [SECRETS.access, SECRETS.s3, SECRETS.otlp])
      assert.ok(echoed.includes(secret), secret);
    const lines = [...printed.split('\n'), ...worker.entries.map((entry) => JSON.stringify(entry))];
    const all = lines.join('\n');
    assert.match(all, /is not usable|result cache/, 'what the store said was logged');
    assert.match(all, /"code":"unauthorized"/);
    for (const [what, secret] of Object.entries(SECRETS)) {
      const found = lines.find(
        (line) => line.includes(secret) || line.includes(encodeURIComponent(secret)),
      );
      assert.equal(found, undefined, `${what}: ${found}`);
    }
  });
});
