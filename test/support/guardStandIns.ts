/**
 * A guarded fetch whose names are resolved by a table, and which can reach loopback alone: a connection to
 * any other address is not made, whatever the guard would allow, but noted.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { Allow } from '../../shared/guard/allowed.ts';
import { createGuardedFetch, type GuardedFetch } from '../../worker/guard/guardedFetch.ts';
import { CERTIFICATE, KEY } from './certificate.ts';

export interface StandIn {
  readonly port: number;
  /** Addresses of the requests that came. */
  readonly seen: readonly string[];
  close(): Promise<void>;
}

/** A server on loopback. */
export async function standIn(
  answer: RequestListener,
  { encrypted = false } = {},
): Promise<StandIn> {
  const seen: string[] = [];
  const listener: RequestListener = (request, response) => {
    seen.push(`${request.method} ${request.headers.host}${request.url}`);
    answer(request, response);
  };
  const server: Server = encrypted
    ? createTlsServer({ cert: CERTIFICATE, key: KEY }, listener)
    : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Guarded {
  readonly fetch: GuardedFetch;
  /** Names that were looked up. */
  readonly asked: readonly string[];
  /** Addresses beyond this machine that a connection was to be made to. */
  readonly dialled: readonly string[];
}

/**
 * @param names addresses of each name: the first entry for the first lookup, and so on; the last one stays
 * @param connected the port of loopback where connections really lead, whatever address was resolved
 */
export function guarded(
  allow: Allow,
  names: Readonly<Record<string, readonly (readonly string[])[]>> = {},
  { ca = CERTIFICATE, connected }: { ca?: string; connected?: number } = {},
): Guarded {
  const asked: string[] = [];
  const dialled: string[] = [];
  const isHere = (address: string): boolean => /^(127\.|::1$)/.test(address);
  /** undici's own connector, with a lookup that goes no further than this machine. */
  const build = ((options: { lookup: LookupFunction }) => {
    const lookup: LookupFunction = (hostname, how, callback) =>
      options.lookup(hostname, { ...how, all: true }, (error, found) => {
        if (error || typeof found === 'string') return callback(error, found);
        const beyond = found.map(({ address }) => address).filter((one) => !isHere(one));
        dialled.push(...beyond);
        if (connected !== undefined) return callback(null, [{ address: '127.0.0.1', family: 4 }]);
        if (beyond.length > 0) return callback(new Error('beyond this machine'), []);
        callback(null, found);
      });
    const connect = buildConnector({ ...options, lookup, autoSelectFamily: true } as never);
    return (target: buildConnector.Options, callback: buildConnector.Callback) => {
      const literal = target.hostname.replace(/^\[|\]$/g, '');
      if (/^[\d.]+$|:/.test(literal) && !isHere(literal)) {
        dialled.push(literal);
        return callback(new Error('beyond this machine'), null);
      }
      connect(connected === undefined ? target : { ...target, port: `${connected}` }, callback);
    };
  }) as typeof buildConnector;
  const fetch = createGuardedFetch({
    allow,
    ca,
    build,
    resolve: async (hostname) => {
      const before = asked.filter((name) => name === hostname).length;
      asked.push(hostname);
      const answers = names[hostname] ?? [];
      return answers[Math.min(before, answers.length - 1)] ?? [];
    },
  });
  return { fetch, asked, dialled };
}
