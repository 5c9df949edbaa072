/** What the client throws where the server has not answered. */
import { ProblemError } from './problem.ts';

/** The server was not reached, or its answer broke off. `cause` has what the platform says. */
export class ConnectionError extends Error {
  override readonly name: string = 'ConnectionError';
}

/** No answer came within the time that the caller gives one. */
export class TimeoutError extends ConnectionError {
  override readonly name: string = 'TimeoutError';
  readonly milliseconds: number;
  constructor(milliseconds: number, options?: ErrorOptions) {
    super(`no answer came within ${milliseconds} ms`, options);
    this.milliseconds = milliseconds;
  }
}

/** The caller's own signal ended the call. `cause` has the signal's reason. */
export class AbortError extends Error {
  override readonly name: string = 'AbortError';
  constructor(reason: unknown) {
    super('the call was aborted', { cause: reason });
  }
}

/** An error of the platform as one of those above. */
export function failureOf(error: unknown, signal: AbortSignal | undefined): Error {
  if (error instanceof ProblemError || error instanceof ConnectionError) return error;
  if (error instanceof AbortError) return error;
  if (signal?.aborted) return new AbortError(signal.reason);
  return new ConnectionError(error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

/** Body -> what lets go of the caller's signal, which is heard until the body has ended. */
export const releases = new WeakMap<ReadableStream, () => void>();

/** What is read of an answer, while it comes; what breaks it off is thrown as `failureOf` names it. */
export async function* reading<T>(
  { body }: Response,
  read: (body: ReadableStream<Uint8Array<ArrayBuffer>>) => AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  if (!body) return;
  try {
    yield* read(body);
  } catch (error) {
    throw failureOf(error, signal);
  } finally {
    releases.get(body)?.();
  }
}
