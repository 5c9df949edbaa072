/**
 * A worker that computes nothing: the internal API over node:http, with signatures checked, and switches
 * for every way a worker can behave. Its answers depend on the request alone, as a real worker's do.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { WORKER_ADDRESSES } from '../../shared/api/addresses.ts';
import {
  type WorkerCollectionRequest,
  workerCollectionRequestSchema,
} from '../../shared/api/collectionWork.ts';
import type { Output } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { createNonces } from '../../shared/api/nonces.ts';
import { type Failure, FailureError, PROBLEMS } from '../../shared/api/problem.ts';
import { isSignedBody, verifyInternal } from '../../shared/api/signing.ts';
import {
  type WorkerEmbedRequest,
  type WorkerGenerateRequest,
  type WorkerGenerateResponse,
  type WorkerTokenizeRequest,
  workerDetokenizeRequestSchema,
  workerGenerateRequestSchema,
  workerTokenizeRequestSchema,
} from '../../shared/api/worker.ts';
import type { Consumer } from '../../worker/consumer/consumer.ts';
import { answerInput } from '../../worker/http/inputs.ts';
import { answerJobs } from '../../worker/http/jobs.ts';
import type { TakeInput } from '../../worker/sources/takeInput.ts';
import type { Deliverer } from '../../worker/webhooks/deliverer.ts';
import { answersOf, type HeadWork } from './fakeHeads.ts';
import { MODEL } from './fakeModel.ts';
import { embedded } from './fakeVectors.ts';

export { MODEL } from './fakeModel.ts';

export const SECRET = 'a-secret-of-tests';
/** A PNG of one red pixel. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==',
  'base64',
);
export const PNG_URL = `data:image/png;base64,${PNG.toString('base64')}`;
/** Stands for npy bytes. */
export const NPY = Buffer.from('\x93NUMPY', 'latin1');

export interface FakeWorker {
  readonly url: string;
  /** Requests that reached /internal/generate with a good signature. */
  readonly asked: WorkerGenerateRequest[];
  /** Requests that reached /internal/embed. */
  readonly embedAsked: WorkerEmbedRequest[];
  /** Requests to classify and to fit heads, as sent. */
  readonly headAsked: HeadWork[];
  /** Requests to tokenize and detokenize, as sent. */
  readonly tokenAsked: unknown[];
  /** Operations on collections, as sent. */
  readonly collectionAsked: WorkerCollectionRequest[];
  /** What an operation on collections is answered. */
  collectionAnswer: unknown;
  readonly traces: string[];
  /** Answered instead of a result. */
  failure: Failure | undefined;
  /** Names of requests to generate whose caller went away before the answer. */
  readonly gone: string[];
  /** Awaited before a result is answered; of events, after the first. */
  gate: Promise<void> | undefined;
  isReady: boolean;
  /** Takes requests and answers none. */
  isSilent: boolean;
  model: Model;
  /** Does jobs, where the test gives one; otherwise the worker has no store. */
  consumer: Consumer | undefined;
  /** Takes in bytes that requests name, where the test gives one. */
  takeInput: TakeInput | undefined;
  /** Delivers webhooks, where the test gives one. */
  deliverer: Deliverer | undefined;
  close(): Promise<void>;
}

const ownName = (name: string): string =>
  name === 'caption' || name.startsWith('tok_') ? name : `tok_${name}@64`;

const output = (modality: string, sample: number, seed: number): Output => ({
  modality: ownName(modality),
  presentation: modality === 'caption' ? 'text' : 'depth',
  sample,
  tokens: Array.from({ length: modality === 'caption' ? 1 : 16 }, () => seed % 64),
  ...(modality === 'caption'
    ? { text: 'a réd sphere' }
    : { image: PNG_URL, data: `data:application/x-npy;base64,${NPY.toString('base64')}` }),
});

const servedBy = ({ id, digest, licence, precision }: Model) => ({
  id,
  digest,
  licence,
  precision,
});

export function resultOf(asked: WorkerGenerateRequest, model: Model): WorkerGenerateResponse {
  const { request, reused = [] } = workerGenerateRequestSchema.parse(asked);
  return {
    id: asked.id,
    model: servedBy(model),
    seed: asked.seed,
    ...(request.keep && { input_tokens: tokensOf(request.inputs) }),
    ...(reused.length > 0 && { reused_targets: reused.length }),
    outputs: Object.fromEntries(
      request.targets.map(({ modality }) => [
        modality,
        Array.from({ length: request.num_samples }, (_, i) => output(modality, i, asked.seed)),
      ]),
    ),
    usage: {
      encoder_passes: 1,
      decoder_passes: 1,
      generated_tokens: 1,
      milliseconds: performance.now(),
    },
  };
}

/** Every input is the tokens 1, 2, 3 ..., unless it is tokens already. */
function tokensOf(inputs: WorkerTokenizeRequest['request']['inputs']) {
  const entries = Object.entries(inputs).map(([name, value]) => {
    const made = Array.from({ length: name === 'caption' ? 3 : 16 }, (_, i) => i + 1);
    const tokens = typeof value === 'object' && 'tokens' in value ? value.tokens : made;
    return [name, { modality: ownName(name), tokens }] as const;
  });
  return Object.fromEntries(entries);
}

export async function startFakeWorker(port = 0): Promise<FakeWorker> {
  const nonces = createNonces();
  const json = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

  /** Answers work with its result, or as events. */
  async function work(
    request_id: string,
    response: ServerResponse,
    sse: boolean,
    resultOf: () => unknown,
  ): Promise<void> {
    response.once('close', () => {
      if (!response.writableFinished) fake.gone.push(request_id);
    });
    const send = (event: string, value: unknown): void =>
      void response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
    const isStreaming = sse && fake.failure === undefined;
    if (isStreaming) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      send('progress', { target: 'depth', step: 1, steps: 2, fraction: 0.5 });
    }
    await fake.gate;
    if (fake.failure && (!sse || fake.failure.code === 'overloaded')) {
      response.setHeader('retry-after', String(fake.failure.retryAfterSeconds ?? 1));
      return json(response, PROBLEMS[fake.failure.code].status, fake.failure);
    }
    const result = resultOf();
    if (!sse) return json(response, 200, result);
    if (!isStreaming) response.writeHead(200, { 'content-type': 'text/event-stream' });
    send('progress', { target: 'depth', step: 2, steps: 2, fraction: 1 });
    if (fake.failure) send('problem', fake.failure);
    else send('result', result);
    response.end();
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (fake.isSilent) return;
    const path = request.url ?? '';
    if (path === WORKER_ADDRESSES.ready.path) return json(response, fake.isReady ? 200 : 503, {});
    const header = (name: string): string => String(request.headers[name] ?? '');
    const asked = { method: request.method ?? '', path };
    const signed = await verifyInternal(SECRET, asked, header, Date.now() / 1000, nonces);
    const body = await text(request);
    if (!signed || !(await isSignedBody(signed, new TextEncoder().encode(body))))
      return json(response, 401, { code: 'unauthorized', detail: 'bad signature' });
    fake.traces.push(header('traceparent'));
    if (path === WORKER_ADDRESSES.models.path) return json(response, 200, { models: [fake.model] });
    const sse = header('accept').includes('event-stream');
    if (path === WORKER_ADDRESSES.generate.path) {
      const given = workerGenerateRequestSchema.parse(JSON.parse(body));
      // What was asked is kept as sent, since parsing fills in defaults.
      fake.asked.push(JSON.parse(body));
      return await work(given.request_id, response, sse, () => resultOf(given, fake.model));
    }
    if (path === WORKER_ADDRESSES.embed.path) {
      const given = JSON.parse(body) as WorkerEmbedRequest;
      fake.embedAsked.push(given);
      return await work(given.request_id, response, sse, () => embedded(given, fake.model));
    }
    const about = answersOf(path);
    if (about) {
      const given = JSON.parse(body) as HeadWork;
      if (path !== WORKER_ADDRESSES.readHead.path) fake.headAsked.push(given);
      return await work(given.request_id, response, sse, () => about(given, fake.model));
    }
    if (path === WORKER_ADDRESSES.tokenize.path) {
      const { request } = workerTokenizeRequestSchema.parse(JSON.parse(body));
      fake.tokenAsked.push(JSON.parse(body));
      return json(response, 200, { model: servedBy(fake.model), inputs: tokensOf(request.inputs) });
    }
    if (path === WORKER_ADDRESSES.detokenize.path) {
      const { request } = workerDetokenizeRequestSchema.parse(JSON.parse(body));
      fake.tokenAsked.push(JSON.parse(body));
      const outputs = Object.entries(request.tokens).map(([name, given]) => [
        name,
        { ...output(name, 0, request.seed), tokens: 'tokens' in given ? given.tokens : [] },
      ]);
      const answer = { model: servedBy(fake.model), outputs: Object.fromEntries(outputs) };
      return json(response, 200, answer);
    }
    if (path === WORKER_ADDRESSES.collections.path) {
      const asked = JSON.parse(body);
      workerCollectionRequestSchema.parse(asked);
      fake.collectionAsked.push(asked);
      const { failure } = fake;
      if (failure) return json(response, PROBLEMS[failure.code].status, failure);
      return json(response, 200, fake.collectionAnswer);
    }
    if (path === WORKER_ADDRESSES.jobs.path) {
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const bytes = new TextEncoder().encode(body);
      return await answerJobs(fake, response, bytes, gone.signal);
    }
    if (path === WORKER_ADDRESSES.takeInput.path) {
      const [gone, stopped] = [new AbortController(), new AbortController()];
      response.once('close', () => gone.abort());
      const services = { takeInput: fake.takeInput, stopped: stopped.signal, log: () => {} };
      return await answerInput(services, response, new TextEncoder().encode(body), gone.signal);
    }
    json(response, 404, { code: 'not_found', detail: path });
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (error instanceof FailureError)
        return json(response, PROBLEMS[error.failure.code].status, error.failure);
      json(response, 500, { code: 'internal', detail: String(error) });
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const fake: FakeWorker = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    embedAsked: [],
    headAsked: [],
    gone: [],
    tokenAsked: [],
    collectionAsked: [],
    collectionAnswer: {},
    traces: [],
    failure: undefined,
    gate: undefined,
    isReady: true,
    isSilent: false,
    model: MODEL,
    consumer: undefined,
    takeInput: undefined,
    deliverer: undefined,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return fake;
}
