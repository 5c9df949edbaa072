/** Stands between a fleet and its S3 store, and fails as stores do: 500, 503, or late. */
import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How the store behaves: as it is, each request late by some time, or each refused. */
export type StoreMood = 'well' | 'slow' | 'broken' | 'unavailable';

const SLOW_MILLISECONDS = 400;
const STATUS = { broken: 500, unavailable: 503 } as const;
const CODE = { broken: 'InternalError', unavailable: 'ServiceUnavailable' } as const;

export interface StoreProxy {
  readonly url: string;
  mood: StoreMood;
  readonly close: () => Promise<void>;
}

/** @param target address of the store; signatures name the host that they were made for, so it is passed on */
export async function startStoreProxy(target: string): Promise<StoreProxy> {
  const { hostname, port } = new URL(target);
  const proxy = { mood: 'well' as StoreMood };
  const server = createServer(async (incoming, outgoing) => {
    const { mood } = proxy;
    if (mood === 'broken' || mood === 'unavailable') {
      incoming.resume();
      outgoing.writeHead(STATUS[mood], { 'content-type': 'application/xml' });
      outgoing.end(`<Error><Code>${CODE[mood]}</Code><Message>as planned</Message></Error>`);
      return;
    }
    if (mood === 'slow') await sleep(SLOW_MILLISECONDS);
    const { method, url: path, headers } = incoming;
    const passed = sendRequest({ hostname, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.once('error', () => outgoing.destroy());
    outgoing.once('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return Object.assign(proxy, {
    url: `http://127.0.0.1:${own}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
