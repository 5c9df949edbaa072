/** Computations, whose answer is JSON or a stream of events. */
import type { Progress } from '../api/generate.ts';
import { readEvents } from '../sse.ts';
import type { Call, CallOptions, Open } from './call.ts';
import { reading } from './failures.ts';
import { ProblemError, problemFrom } from './problem.ts';
import { readJson } from './transport.ts';

export interface StreamOptions extends CallOptions {
  /** True for every file within the answer, false for links alone; large files are links when left out. */
  readonly inline?: boolean;
  /** Called with the headers of the answer, such as `cache-status` and `x-request-id`. */
  readonly onHeaders?: (headers: Headers) => void;
}

export interface GenerateOptions extends StreamOptions {
  /** Asks for server-sent events and is called for every decoding step. */
  readonly onProgress?: (progress: Progress) => void;
}

export type StreamEvent<R> =
  | { readonly event: 'progress'; readonly data: Progress }
  | { readonly event: 'result'; readonly data: R };

type Events<R> = AsyncGenerator<StreamEvent<R>, void, undefined>;

/** @throws as `Client.generate` */
export interface Computations {
  /** What a computation comes to, with its progress where that is asked for. */
  compute<T>(path: string, request: unknown, options?: GenerateOptions): Promise<T>;
  /** A computation as its events; one that is stored comes as its result alone. */
  stream<T>(path: string, request: unknown, options?: StreamOptions): Events<T>;
}

const isJson = (response: Response): boolean =>
  /^application\/([\w.-]+\+)?json\b/.test(response.headers.get('content-type') ?? '');

const cutOff = (): ProblemError =>
  new ProblemError(problemFrom(undefined, 502, 'The answer ended before its result'));

/** The events of a stream up to its result. @throws ProblemError as the stream says, or where it ends before */
async function* eventsOf<T>(response: Response, signal: AbortSignal | undefined): Events<T> {
  for await (const { event, data } of reading(response, readEvents, signal)) {
    if (event === 'progress') yield { event, data: JSON.parse(data) as Progress };
    if (event === 'result') return yield { event, data: JSON.parse(data) as T };
    if (event === 'problem')
      throw new ProblemError(problemFrom(JSON.parse(data), 500, 'The server failed'));
  }
  throw cutOff();
}

async function* wholeOf<T>(body: ReadableStream): AsyncGenerator<T> {
  yield await readJson<T>(new Response(body));
}

const addressOf = (path: string, inline: boolean | undefined) => ({
  method: 'POST',
  path: path + (inline === undefined ? '' : `?inline=${inline}`),
});

export function computations(call: Call, open: Open): Computations {
  async function* stream<T>(
    path: string,
    request: unknown,
    { inline, ...options }: StreamOptions = {},
  ): Events<T> {
    const headers = { accept: 'text/event-stream' };
    const asked = { ...options, headers, body: request };
    const response = await open(addressOf(path, inline), asked);
    if (!isJson(response)) return yield* eventsOf<T>(response, options.signal);
    for await (const data of reading(response, wholeOf<T>, options.signal))
      yield { event: 'result', data };
  }
  return {
    stream,
    async compute<T>(path: string, request: unknown, options: GenerateOptions = {}) {
      const { onProgress, ...streamed } = options;
      const { inline, ...given } = streamed;
      if (!onProgress) return await call<T>(addressOf(path, inline), given, request);
      for await (const event of stream<T>(path, request, streamed)) {
        if (event.event === 'result') return event.data;
        onProgress(event.data);
      }
      throw cutOff();
    },
  };
}
