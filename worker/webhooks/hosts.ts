/**
 * Whose turn it is among receivers. Each host has few attempts at the same time and a short line before it, so that one
 * that answers slowly, or not at all, holds up nobody else's; what does not fit into its line comes back later.
 */

export interface HostBounds {
  /** Attempts at the same time. */
  readonly atOnce: number;
  /** Attempts that wait here for one of these to end. */
  readonly inLine: number;
}

export type Turn =
  | { readonly is: 'now'; readonly leave: (milliseconds: number) => void }
  | { readonly is: 'later'; readonly seconds: number };

export interface Hosts {
  /** Resolves when it is this attempt's turn, or says at once when to come back. */
  enter(host: string): Promise<Turn>;
  /** The host asks for less: nothing is sent to it for so long. */
  pause(host: string, seconds: number): void;
}

interface Host {
  busy: number;
  line: (() => void)[];
  pausedUntil: number;
  /** What an attempt takes, in milliseconds: the mean of the last ones. */
  pace: number;
  /** When the last of those that were sent away comes back. */
  nextBack: number;
}

/** Hosts that are remembered without being at work: only their pace and their pause are lost. */
const MOST_IDLE = 1000;
const FIRST_PACE = 100;
const LEAST_SECONDS = 1;
const MOST_SECONDS = 900;

/** @param now unix milliseconds */
export function createHosts({ atOnce, inLine }: HostBounds, now: () => number): Hosts {
  const hosts = new Map<string, Host>();

  function hostOf(name: string): Host {
    const known = hosts.get(name);
    if (known) return known;
    if (hosts.size >= MOST_IDLE)
      for (const [other, { busy, pausedUntil }] of hosts)
        if (busy === 0 && pausedUntil <= now()) hosts.delete(other);
    const host = { busy: 0, line: [], pausedUntil: 0, pace: FIRST_PACE, nextBack: 0 };
    hosts.set(name, host);
    return host;
  }

  const later = (milliseconds: number): Turn => ({
    is: 'later',
    seconds: Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, milliseconds / 1000)),
  });

  /** Gives a slot of the host to the next in its line. */
  function pass(host: Host): void {
    const next = host.line.shift();
    if (next) next();
    else host.busy--;
  }

  /** Behind all that were sent away before, one for each attempt that can end meanwhile. */
  function back(host: Host, from: number): Turn {
    host.nextBack = Math.max(host.nextBack, from) + host.pace / atOnce;
    return later(host.nextBack - now());
  }

  return {
    async enter(name) {
      const host = hostOf(name);
      if (host.pausedUntil > now()) return back(host, host.pausedUntil);
      if (host.busy < atOnce) host.busy++;
      else if (host.line.length >= inLine) return back(host, now());
      else {
        // It is given the slot of the one that leaves.
        await new Promise<void>((resolve) => host.line.push(resolve));
        if (host.pausedUntil > now()) {
          pass(host);
          return back(host, host.pausedUntil);
        }
      }
      return {
        is: 'now',
        leave(milliseconds) {
          host.pace = 0.8 * host.pace + 0.2 * milliseconds;
          pass(host);
        },
      };
    },
    pause(name, seconds) {
      const host = hostOf(name);
      host.pausedUntil = Math.max(host.pausedUntil, now() + seconds * 1000);
    },
  };
}
