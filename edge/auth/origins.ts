/**
 * Pages of which origins may ask, as far as browsers tell. A server without keys (`FOURM_AUTH=off`) serves this machine,
 * whose browser shows pages of everybody: none of them may use it unless the operator says so, neither from its own
 * origin nor by a name of its own that leads here.
 */
import type { Config } from '../config.ts';

/** Loopback addresses and names, as a URL writes them. */
export const isLoopback = (host: string): boolean =>
  /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);

const hostOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).hostname : undefined;

/** Whether pages of an origin may read answers. */
export type AllowsOrigin = (origin: string) => boolean;

export function createAllowsOrigin({
  FOURM_CORS_ORIGIN: said,
  FOURM_AUTH: auth,
  FOURM_PUBLIC_URL: own,
}: Config): AllowsOrigin {
  if (said === 'none') return () => false;
  if (said !== undefined && said !== '*') {
    const listed = new Set(said.split(',').map((origin) => origin.trim()));
    return (origin) => listed.has(origin);
  }
  // No cookies are used: whoever asks with a key was given one.
  if (said === '*' || auth !== 'off') return () => true;
  return (origin) => {
    const host = hostOf(origin);
    return host !== undefined && (isLoopback(host) || host === hostOf(own));
  };
}

/**
 * Why a request is none of this machine's own; undefined for one that is.
 * @param url that it was sent to
 * @param origin of the page that sends it; absent where no browser does, or the page is our own
 */
export function strangerAt(
  url: string,
  origin: string | undefined,
  config: Config,
  allows: AllowsOrigin,
): string | undefined {
  const { hostname } = new URL(url);
  if (!isLoopback(hostname) && hostname !== hostOf(config.FOURM_PUBLIC_URL))
    return (
      'this server asks for no keys and is reached by a name that is not of its machine: its operator has to set ' +
      'FOURM_AUTH to keys, to open where everybody may use it, or FOURM_PUBLIC_URL to this name'
    );
  if (origin === undefined || allows(origin)) return undefined;
  return (
    'this server asks for no keys, and pages of other machines may not use it: its operator has to name their origin in ' +
    'FOURM_CORS_ORIGIN'
  );
}
