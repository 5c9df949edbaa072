/**
 * Requests to workers on Node, by undici's own interface: what `fetch` makes of a request besides (its objects, its streams,
 * their promises) takes the edge longer than everything else that it does to have something computed.
 */
import { Agent, type Dispatcher } from 'undici';
import { addressOf, type Send, type WorkerAnswer } from './dispatch/http.ts';

/** Bytes that wait to be read before no more of them are taken from the socket. */
const MOST_WAITING = 1024 * 1024;

/** A name in lower case -> its value, of headers as they came. */
function headersOf(raw: readonly Buffer[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < raw.length; at += 2)
    headers.set(String(raw[at]).toLowerCase(), String(raw[at + 1]));
  return headers;
}

/** Pieces of a body that come, and are read one after another. */
function createPieces(resume: () => void, leave: () => void) {
  const waiting: Uint8Array[] = [];
  let bytes = 0;
  let end: { readonly error?: Error } | undefined;
  let wake = (): void => {};

  async function* read(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const piece = waiting.shift();
        if (piece) {
          const wasFull = bytes > MOST_WAITING;
          bytes -= piece.length;
          if (wasFull && bytes <= MOST_WAITING) resume();
          yield piece;
        } else if (end?.error) throw end.error;
        else if (end) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      // Who stops reading has gone, and the worker sees it.
      if (!end) leave();
    }
  }

  return {
    read,
    /** @returns whether more may come */
    add(piece: Uint8Array): boolean {
      waiting.push(piece);
      bytes += piece.length;
      wake();
      return bytes <= MOST_WAITING;
    },
    end(error?: Error): void {
      end ??= { ...(error && { error }) };
      wake();
    },
  };
}

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of pieces) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

/** Connections are kept, and shared by all requests to a worker. */
export function createNodeSend(): Send {
  const agent = new Agent();
  return (url, { method, headers, body = null, signal }) =>
    new Promise<WorkerAnswer>((resolve, reject) => {
      signal.throwIfAborted();
      let stop = (_reason: Error): void => {};
      let pieces: ReturnType<typeof createPieces> | undefined;
      const onAbort = (): void => {
        stop(signal.reason);
        reject(signal.reason);
      };
      const over = (): void => signal.removeEventListener('abort', onAbort);
      signal.addEventListener('abort', onAbort, { once: true });
      const { origin, pathname, search } = addressOf(url);
      const handler: Dispatcher.DispatchHandlers = {
        onConnect(abort) {
          stop = abort;
          if (signal.aborted) abort(signal.reason);
        },
        onHeaders(status, raw, resume) {
          // What comes before the answer says nothing here.
          if (status < 200) return true;
          const own = createPieces(resume, () => stop(new Error('the answer is not read on')));
          pieces = own;
          const named = headersOf(raw);
          resolve({
            ok: status < 300,
            status,
            headers: { get: (name) => named.get(name) ?? null },
            body: own.read(),
            text: () => textOf(own.read()),
          });
          return true;
        },
        onData: (piece) => pieces?.add(piece) ?? true,
        onComplete() {
          over();
          pieces?.end();
        },
        onError(error) {
          over();
          pieces?.end(error);
          reject(error);
        },
      };
      agent.dispatch({ origin, path: pathname + search, method, headers, body }, handler);
    });
}
