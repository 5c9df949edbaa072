/**
 * Connections of guarded requests. An address is checked where it is used: names are looked up for each
 * connection, once, and the connection goes to what was checked, so that a name which answers differently
 * the second time gains nothing. What the socket is connected to is checked again.
 */
import { lookup as lookUp } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import {
  type Allow,
  isAllowedAddress,
  isAllowedPort,
  noPort,
  notPublic,
  portOf,
} from '../../shared/guard/allowed.ts';
import { errorOf, refused } from '../../shared/guard/refused.ts';

/** Addresses of a name. @throws Error where it has none */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export const systemResolve: Resolve = async (hostname) =>
  (await lookUp(hostname, { all: true, order: 'verbatim' })).map(({ address }) => address);

export interface ConnectOptions {
  readonly allow: Allow;
  readonly resolve: Resolve;
  /** Milliseconds until a connection stands, with its encryption. */
  readonly milliseconds: number;
  /** Certificates that are trusted besides the usual ones. */
  readonly ca?: string;
  /** Makes the connection itself; undici's when left out. */
  readonly build?: typeof buildConnector;
}

/** As `dns.lookup` answers: every address of a name must be allowed, or none is used. */
function guardedLookup(allow: Allow, resolve: Resolve, port: number): LookupFunction {
  return (hostname, options, callback) => {
    const answer = async (): Promise<void> => {
      const found = await resolve(hostname).catch(() => []);
      const [first] = found;
      if (first === undefined) throw errorOf(refused('unresolved', 'its host has no address'));
      if (!found.every((address) => isAllowedAddress(address, allow))) throw errorOf(notPublic());
      if (!found.every((address) => isAllowedPort(port, address))) throw errorOf(noPort(port));
      const family = (address: string): number => (address.includes(':') ? 6 : 4);
      if (options.all)
        callback(
          null,
          found.map((address) => ({ address, family: family(address) })),
        );
      else callback(null, first, family(first));
    };
    answer().catch((error: Error) => callback(error, ''));
  };
}

/** The `connect` of an undici dispatcher that reaches allowed addresses alone. */
export function guardedConnect(options: ConnectOptions): buildConnector.connector {
  const { allow, resolve, milliseconds, ca, build = buildConnector } = options;
  return (target, callback) => {
    const connect = build({
      timeout: milliseconds,
      lookup: guardedLookup(allow, resolve, portOf(target)),
      ...(ca !== undefined && { ca }),
    });
    connect(target, (error, socket) => {
      if (error) return callback(error, null);
      const address = socket?.remoteAddress;
      if (address !== undefined && isAllowedAddress(address, allow)) return callback(null, socket);
      socket?.destroy();
      callback(errorOf(notPublic()), null);
    });
  };
}
