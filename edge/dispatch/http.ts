/** One signed request to one worker, and what its answer means. */
import * as z from 'zod';
import { type Failure, PROBLEMS, type ProblemCode } from '../../shared/api/problem.ts';
import { signInternal } from '../../shared/api/signing.ts';

export interface WorkerCall {
  readonly path: string;
  /** JSON of a POST; absent for GET. */
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly accept: string;
  readonly traceparent?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WorkerLink {
  readonly secret: string | undefined;
  readonly timeoutSeconds: number;
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

/**
 * Sends the request, and resolves with the answer whatever its status.
 * @throws TypeError when there is no connection, DOMException when aborted or timed out
 */
export async function callWorker(
  url: string,
  call: WorkerCall,
  link: WorkerLink,
): Promise<Response> {
  const headers = new Headers({ accept: call.accept });
  if (call.body !== undefined) headers.set('content-type', 'application/json');
  if (call.traceparent) headers.set('traceparent', call.traceparent);
  const method = call.body === undefined ? 'GET' : 'POST';
  if (link.secret !== undefined) {
    const signed = { method, path: call.path };
    const body = call.body ?? new Uint8Array(0);
    const signature = await signInternal(link.secret, signed, body, Date.now() / 1000);
    for (const [name, value] of Object.entries(signature)) headers.set(name, value);
  }
  const timeout = AbortSignal.timeout(link.timeoutSeconds * 1000);
  return await fetch(`${url}${call.path}`, {
    method,
    headers,
    redirect: 'manual',
    signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
    ...(call.body !== undefined && { body: call.body }),
  });
}

/** The failure that a refusing answer carries. */
export async function readFailure(response: Response): Promise<Failure> {
  const body: unknown = await response.json().catch(() => undefined);
  return parseFailure(body, response.headers.get('retry-after'));
}
