/** Receives webhooks, checks their signatures as any receiver would, and is down for a while when told to be. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import * as z from 'zod';

export interface Receiver {
  readonly url: string;
  /** Ids of events, by what they tell of: `<type> <subject>`. */
  readonly events: ReadonlyMap<string, ReadonlySet<string>>;
  /** Bodies whose signature was wrong, or that could not be read. */
  readonly refused: () => number;
  /** Needed before the first delivery. */
  readonly setSecret: (secret: string) => void;
  readonly goDown: () => Promise<void>;
  readonly comeBack: () => Promise<void>;
}

const toldSchema = z.object({ type: z.string(), data: z.object({ id: z.string() }).loose() });

export async function startReceiver(): Promise<Receiver> {
  const events = new Map<string, Set<string>>();
  let refused = 0;
  let webhook: Webhook | undefined;
  let server: Server | undefined;
  let port = 0;

  async function listen(): Promise<void> {
    const own = createServer((incoming, outgoing) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.once('end', () => {
        const text = Buffer.concat(parts).toString();
        const headers = Object.fromEntries(
          Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
        );
        try {
          const { type, data } = toldSchema.parse(webhook?.verify(text, headers));
          const key = `${type} ${data.id}`;
          const ids = events.get(key) ?? new Set();
          events.set(key, ids.add(String(headers['webhook-id'])));
          outgoing.writeHead(204).end();
        } catch {
          refused++;
          outgoing.writeHead(400).end();
        }
      });
    });
    await new Promise<void>((resolve) => own.listen(port, '127.0.0.1', resolve));
    ({ port } = own.address() as AddressInfo);
    server = own;
  }

  async function goDown(): Promise<void> {
    const own = server;
    own?.closeAllConnections();
    await new Promise((resolve) => (own ? own.close(resolve) : resolve(undefined)));
    server = undefined;
  }

  await listen();
  return {
    url: `http://127.0.0.1:${port}/hook`,
    events,
    refused: () => refused,
    setSecret: (secret) => {
      webhook = new Webhook(secret);
    },
    goDown,
    comeBack: listen,
  };
}
