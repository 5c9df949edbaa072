/**
 * Which addresses a user's URL may lead to: those of the public internet alone. A worker can reach what a
 * user cannot, such as databases and the metadata service of a cloud, and must not be made to ask there.
 */
import ipaddr from 'ipaddr.js';
import { type Refused, refused } from './refused.ts';

/** What is allowed besides https to public addresses. */
export interface Allow {
  /** Without encryption, too. */
  readonly http?: boolean;
  /** This machine, at any port: for tests, and where everything runs on one machine. */
  readonly loopback?: boolean;
}

/** Ports of the web; others belong to services that were not made for strangers. */
const PORTS: readonly number[] = [80, 443, 8080, 8443];

/** Public by its range, but answered by the host itself on one cloud: its metadata. */
const NOT_PUBLIC: readonly string[] = ['168.63.129.16'];

/** Global unicast (RFC 4291): the rest of IPv6 is not given out, or embeds addresses of IPv4. */
const GLOBAL = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether a connection to an address is allowed.
 * @param address IPv4 or IPv6 as text; anything else is not allowed
 */
export function isAllowedAddress(address: string, allow: Allow): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  const range = parsed.range();
  if (range === 'loopback') return allow.loopback === true;
  if (range !== 'unicast' || NOT_PUBLIC.includes(parsed.toString())) return false;
  return parsed.kind() === 'ipv4' || (parsed as ipaddr.IPv6).match(GLOBAL);
}

/** Whether a port of an allowed address is one: any of this machine, those of the web elsewhere. */
export const isAllowedPort = (port: number, address: string): boolean =>
  PORTS.includes(port) ||
  (ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback');

export const noPort = (port: number): Refused =>
  refused('port', `port ${port} is not allowed; allowed are ${PORTS.join(', ')}`);

/** The port of a URL, whether it is written there or not. */
export const portOf = ({ port, protocol }: { port: string; protocol: string }): number =>
  port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);

/** The host without the brackets of an IPv6 literal. */
const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

/** Longer addresses are not read. */
const MOST_CHARACTERS = 4096;

/**
 * What an address says about itself, before anything is looked up. The URL parser has turned decimal, octal
 * and hexadecimal forms of IPv4 into the usual one by then.
 */
export function readAddress(text: string, allow: Allow): URL | Refused {
  if (text.length > MOST_CHARACTERS)
    return refused('malformed', `an address has at most ${MOST_CHARACTERS} characters`);
  if (!URL.canParse(text)) return refused('malformed', 'it is no address of the web');
  const url = new URL(text);
  const https = url.protocol === 'https:';
  if (!https && !(url.protocol === 'http:' && allow.http)) {
    const form = allow.http ? 'https:// or http://' : 'https://';
    return refused('scheme', `an address has to begin with ${form}`);
  }
  if (url.username !== '' || url.password !== '')
    return refused('credentials', 'an address must not hold a user name or a password');
  const [host, port] = [bare(url.hostname), portOf(url)];
  // A name may lead to this machine, where that is allowed; it is looked up later.
  const mayBeHere = allow.loopback && !ipaddr.isValid(host);
  if (!mayBeHere && !isAllowedPort(port, host)) return noPort(port);
  if (ipaddr.isValid(host) && !isAllowedAddress(host, allow)) return notPublic();
  return url;
}

/** The same sentence for all, since which private addresses exist is nobody's business. */
export const notPublic = (): Refused =>
  refused('address', 'the address does not lead to the public internet');
