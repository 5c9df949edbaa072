/** Requests as a hostile client sends them: whole, held open, dribbled, or left. Loopback only. */
import { request } from 'node:http';
import { connect } from 'node:net';

export interface Sent {
  /** 0 when the connection ended without an answer. */
  readonly status: number;
  readonly answerBytes: number;
  readonly milliseconds: number;
}

export interface Message {
  readonly path: string;
  readonly body: Buffer;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a request and reads what comes back; the client leaves when the signal says so. */
export async function send(url: string, message: Message, signal: AbortSignal): Promise<Sent> {
  const begin = performance.now();
  return await new Promise((resolve) => {
    let status = 0;
    let answerBytes = 0;
    const end = (): void =>
      resolve({ status, answerBytes, milliseconds: performance.now() - begin });
    const outgoing = request(
      url + message.path,
      {
        method: 'POST',
        agent: false,
        signal,
        headers: {
          'content-type': message.type ?? 'application/json',
          'content-length': message.body.length,
          ...message.headers,
        },
      },
      (response) => {
        status = response.statusCode ?? 0;
        response.on('data', (bytes: Buffer) => {
          answerBytes += bytes.length;
        });
        response.once('close', end);
      },
    );
    // A server may answer and close before it has read everything.
    outgoing.once('error', () => setTimeout(end, 50));
    outgoing.end(message.body);
  });
}

export interface Hold {
  readonly message: Message;
  /** Bytes of the body that are sent at once. */
  readonly atOnce: number;
  /** Afterwards one byte each so many milliseconds; 0 sends nothing more. */
  readonly everyMs: number;
  readonly milliseconds: number;
}

/** Begins a request, and never ends it. Resolves with the status if there was an answer, else 0. */
export async function hold(url: string, how: Hold): Promise<Sent> {
  const { hostname, port } = new URL(url);
  const begin = performance.now();
  return await new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    let dribble: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => socket.destroy(), how.milliseconds);
    socket.once('connect', () => {
      const { path, body, type } = how.message;
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: ${type ?? 'application/json'}\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      socket.write(body.subarray(0, how.atOnce));
      let sent = how.atOnce;
      if (how.everyMs === 0) return;
      dribble = setInterval(() => socket.write(body.subarray(sent, ++sent)), how.everyMs);
    });
    socket.on('data', (bytes) => {
      if (answer.length < 100) answer += bytes.toString('latin1');
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      clearInterval(dribble);
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
      resolve({ status, answerBytes: answer.length, milliseconds: performance.now() - begin });
    });
  });
}
