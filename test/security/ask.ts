/**
 * Requests as an attacker sends them: whatever stands in the path, the headers and the body goes out as it is, which
 * `fetch` would normalise. Loopback only.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';

export interface Asked {
  readonly method?: string;
  /** As it is sent, escaped or not. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  /** Sent in pieces, without a length. */
  readonly chunked?: boolean;
}

export interface Answered {
  /** 0 where the connection ended without an answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const PATIENCE_MILLISECONDS = 120_000;
/** Bytes of an answer that are kept. */
const MOST_KEPT = 4_000_000;
const PIECE_BYTES = 65_536;

/** Sends a request; a connection that breaks is an answer as well. */
export function ask(url: string, asked: Asked, isFirst = true): Promise<Answered> {
  const { method = 'GET', path, headers = {}, body, chunked = false } = asked;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return new Promise((resolve) => {
    let answer: Answered = { status: 0, headers: {}, text: '' };
    const outgoing = request(
      url + path,
      {
        method,
        path,
        agent,
        signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
        headers: {
          ...(bytes !== undefined && !chunked && { 'content-length': String(bytes.length) }),
          ...headers,
        },
      },
      (response) => {
        const kept: Buffer[] = [];
        let length = 0;
        response.on('data', (piece: Buffer) => {
          if (length < MOST_KEPT) kept.push(piece);
          length += piece.length;
        });
        response.once('close', () => {
          const flat = Object.entries(response.headers).map(([name, value]) => [name, `${value}`]);
          const text = Buffer.concat(kept).toString('utf8');
          answer = { status: response.statusCode ?? 0, headers: Object.fromEntries(flat), text };
          resolve(answer);
        });
      },
    );
    outgoing.once('error', () => {
      // A connection that was kept may be closed by the server when the next request is under way.
      if (outgoing.reusedSocket && answer.status === 0 && isFirst)
        return resolve(ask(url, asked, false));
      // A server may answer and close before it has read everything.
      setTimeout(() => resolve(answer), 50);
    });
    if (bytes === undefined || !chunked) return void outgoing.end(bytes);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES)
      outgoing.write(bytes.subarray(at, at + PIECE_BYTES));
    outgoing.end();
  });
}

/**
 * What comes back on a connection of its own until the server closes it, or until nothing has come for a while.
 * @param pieces bytes as they are, and pauses in milliseconds
 */
export async function converse(
  url: string,
  pieces: readonly (string | number)[],
  patience = 1000,
): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  let said = '';
  let last = Date.now();
  let isClosed = false;
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    said += text;
    last = Date.now();
  });
  socket.on('error', () => {});
  socket.once('close', () => {
    isClosed = true;
  });
  for (const piece of pieces) {
    if (isClosed) break;
    if (typeof piece === 'string') socket.write(piece, 'latin1');
    else await new Promise((resolve) => setTimeout(resolve, piece));
    last = Date.now();
  }
  // What was said is the whole of it when nothing more comes for a while; a busy server is waited for.
  while (!isClosed && Date.now() - last < (said === '' ? PATIENCE_MILLISECONDS : patience))
    await new Promise((resolve) => setTimeout(resolve, 20));
  socket.destroy();
  return said;
}

/** Status lines of all answers on a connection. */
export const statusesIn = (said: string): number[] =>
  [...said.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status));

/** Closes the connections that are kept. */
export const closeAll = (): void => agent.destroy();
