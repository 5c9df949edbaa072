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

/**
 * Sends the request, and resolves with the answer whatever its status.
 * @param secret signs the request; undefined leaves it unsigned
 * @throws TypeError when there is no connection, the signal's reason when aborted
 */
export async function callWorker(
  url: string,
  call: WorkerCall,
  secret: string | undefined,
): Promise<Response> {
  const headers = new Headers({ accept: call.accept });
  if (call.body !== undefined) headers.set('content-type', 'application/json');
  if (call.traceparent) headers.set('traceparent', call.traceparent);
  const method = call.body === undefined ? 'GET' : 'POST';
  if (secret !== undefined) {
    const signed = { method, path: call.path };
    const body = call.body ?? new Uint8Array(0);
    const signature = await signInternal(secret, signed, body, Date.now() / 1000);
    for (const [name, value] of Object.entries(signature)) headers.set(name, value);
  }
  return await fetch(`${url}${call.path}`, {
    method,
    headers,
    redirect: 'manual',
    signal: call.signal,
    ...(call.body !== undefined && { body: inSlices(call.body), duplex: 'half' }),
  });
}

/** The failure that a refusing answer carries. */
export async function readFailure(response: Response): Promise<Failure> {
  const body: unknown = await response.json().catch(() => undefined);
  return parseFailure(body, response.headers.get('retry-after'));
}
