/** Ports of this machine. */
import { createServer } from 'node:net';

/** Listens and stops again. @throws the error of `listen`, with its code */
async function tryPort(port: number, host: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(port, host, () => {
      const address = probe.address();
      probe.close(() =>
        address !== null && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('the address has no port')),
      );
    });
  });
}

/** Below those that systems give to connections and to whoever asks for any port: nobody else takes one meanwhile. */
const OWN = { first: 20_000, count: 12_000 };
const TRIES = 50;

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = OWN.first + Math.floor(Math.random() * OWN.count);
    const found = await tryPort(port, '127.0.0.1').catch(() => undefined);
    if (found !== undefined) return found;
  }
  return await tryPort(0, '127.0.0.1');
}

/** @throws Error in one line that says what to do, when the port cannot be listened on */
export async function assertPortIsFree(port: number, host: string): Promise<void> {
  try {
    await tryPort(port, host);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const reason =
      code === 'EADDRINUSE'
        ? `port ${port} is taken: stop what listens there`
        : `port ${port} of ${host} cannot be listened on (${code})`;
    throw new Error(`${reason}, or choose another port: PORT=${port + 1} npm start`, { cause });
  }
}
