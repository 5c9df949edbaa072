/** One signed request to one worker, and what its answer means. */
import * as z from 'zod';
import { type Failure, PROBLEMS, type ProblemCode } from '../../shared/api/problem.ts';
import { signInternal } from '../../shared/api/signing.ts';
import { LONG_SLICE, SLICE } from '../../shared/pause.ts';

export interface WorkerCall {
  readonly path: string;
  /** JSON of a POST; absent for GET. */
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly accept: string;
  readonly traceparent?: string | undefined;
  /** Holds until the answer is read. */
  readonly signal: AbortSignal;
}

/** What a worker answers, as far as it is read here. */
export interface WorkerAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
  /** The whole body, instead of its pieces. */
  text(): Promise<string>;
}

/** A request that is signed, as it is sent. */
export interface SignedCall {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
}

/**
 * Sends a request, and resolves with the answer whatever its status.
 * @throws Error when there is no connection, the signal's reason when aborted
 */
export type Send<A extends WorkerAnswer = WorkerAnswer> = (
  url: string,
  call: SignedCall,
) => Promise<A>;

const addresses = new Map<string, URL>();

/** An address of a worker, alone or with one of the paths that are asked: there are few, and each is read once. */
export function addressOf(url: string): URL {
  const address = addresses.get(url) ?? new URL(url);
  addresses.set(url, address);
  return address;
}

const failureSchema = z.object({
  code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
  detail: z.string(),
  errors: z.array(z.object({ detail: z.string(), pointer: z.string() })).optional(),
  retryAfterSeconds: z.number().optional(),
});

/** A worker's failure as data; what it cannot have meant for the caller becomes the server's fault. */
export function parseFailure(value: unknown, retryAfter?: string | null): Failure {
  const parsed = failureSchema.safeParse(value);
  if (!parsed.success)
    return { code: 'internal', detail: 'a worker answered something unexpected' };
  const { code, detail, errors, retryAfterSeconds } = parsed.data;
  if (code === 'unauthorized') {
    return { code: 'worker_unavailable', detail: 'the workers refuse the signature of this edge' };
  }
  const seconds = retryAfterSeconds ?? (retryAfter ? Number(retryAfter) : Number.NaN);
  return {
    code,
    detail,
    ...(errors && { errors }),
    ...(Number.isFinite(seconds) && { retryAfterSeconds: seconds }),
  };
}

/** What an error says, with what is behind it. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** A large body as a stream of its parts: `fetch` would copy it as a whole, in one step. */
function inSlices(body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | ReadableStream {
  if (body.length <= LONG_SLICE) return body;
  let at = 0;
  return new ReadableStream(
    {
      pull(controller) {
        controller.enqueue(body.subarray(at, at + SLICE));
        at += SLICE;
        if (at >= body.length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** As every platform can send it. */
export const sendByFetch: Send<Response> = (url, { body, ...call }) =>
  fetch(url, {
    ...call,
    redirect: 'manual',
    ...(body !== undefined && { body: inSlices(body), duplex: 'half' }),
  });

/**
 * Sends the request, and resolves with the answer whatever its status.
 * @param secret signs the request; undefined leaves it unsigned
 * @param send how the platform sends it best
 * @throws Error when there is no connection, the signal's reason when aborted
 */
export async function callWorkerBy<A extends WorkerAnswer>(
  send: Send<A>,
  url: string,
  { path, body, accept, traceparent, signal }: WorkerCall,
  secret: string | undefined,
): Promise<A> {
  const method = body === undefined ? 'GET' : 'POST';
  const signature =
    secret === undefined
      ? {}
      : await signInternal(secret, { method, path }, body ?? NOTHING, Date.now() / 1000);
  const headers = {
    accept,
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(traceparent && { traceparent }),
    ...signature,
  };
  const call = { method, headers, signal, ...(body !== undefined && { body }) } as const;
  return await send(`${url}${path}`, call);
}

const NOTHING = new Uint8Array(0);

/** The same by `fetch`. */
export const callWorker = (
  url: string,
  call: WorkerCall,
  secret: string | undefined,
): Promise<Response> => callWorkerBy(sendByFetch, url, call, secret);

/** The failure that a refusing answer carries. */
export async function readFailure(
  response: Pick<WorkerAnswer, 'headers' | 'text'>,
): Promise<Failure> {
  const body: unknown = await response
    .text()
    .then(JSON.parse)
    .catch(() => undefined);
  return parseFailure(body, response.headers.get('retry-after'));
}
