/**
 * Who is loaded, and who makes room, within the budget: a pure function of how things stand.
 *
 * What fits is loaded. Where it does not, the model that was asked for first among those that wait makes
 * room for itself, by the models that were used least recently. Two models that do not fit together would
 * take turns with every request, so a model in memory keeps its place for a while: while it is in use,
 * until its turn is over; while it is idle, until it seems to be no longer wanted. A turn lasts as long as
 * two swaps, so that at most a third of the time goes into loading, and begins when somebody waits for the
 * place. At its end no new requests are begun on the model, and those under way are waited for.
 */

/** A model in memory. */
export interface Resident {
  readonly id: string;
  readonly bytes: number;
  /** Requests at work on it. */
  readonly uses: number;
  /** When it was loaded, and when its last use began or ended, in milliseconds. */
  readonly loadedAt: number;
  readonly usedAt: number;
  /** What its loading took. */
  readonly loadMilliseconds: number;
}

/** A model that requests wait for, and that is neither loaded nor being loaded. */
export interface Wanted {
  readonly id: string;
  readonly bytes: number;
  /** Since when. */
  readonly since: number;
  /** False: it takes what is free, and nobody's place. */
  readonly makesRoom: boolean;
  /** What its last loading took, where it was loaded before. */
  readonly loadMilliseconds: number | undefined;
}

export interface Standing {
  readonly now: number;
  /** Bytes that are taken by nothing: neither by models nor by what is being loaded or freed. */
  readonly free: number;
  /** Bytes that are being freed. */
  readonly leaving: number;
  readonly residents: readonly Resident[];
  readonly wanted: readonly Wanted[];
}

export interface Decision {
  /** Models to load now. */
  readonly load: readonly string[];
  /** Idle models to free now. */
  readonly evict: readonly string[];
  /** Models on which no further request is begun. */
  readonly drain: readonly string[];
  /** When to decide anew, if nothing happens before. */
  readonly again: number | undefined;
}

const SHORTEST_TURN = 2_000;
const LONGEST_TURN = 60_000;
const LONGEST_REST = 1_000;

/** How long a model keeps its place in use, and idle, by what a swap costs. */
export function patienceOf(swapMilliseconds: number): {
  readonly turn: number;
  readonly rest: number;
} {
  const turn = Math.min(LONGEST_TURN, Math.max(SHORTEST_TURN, 2 * swapMilliseconds));
  return { turn, rest: Math.min(LONGEST_REST, swapMilliseconds / 4) };
}

/** Those used least recently whose places together are enough; undefined where all together are not. */
function victimsFor(bytes: number, residents: readonly Resident[]): Resident[] | undefined {
  const victims: Resident[] = [];
  let sum = 0;
  for (const resident of [...residents].sort((a, b) => a.usedAt - b.usedAt)) {
    if (sum >= bytes) break;
    victims.push(resident);
    sum += resident.bytes;
  }
  return sum >= bytes ? victims : undefined;
}

/** How one model makes room for itself. */
function makeRoom(
  first: Wanted,
  victims: readonly Resident[],
  now: number,
): Omit<Decision, 'load'> {
  const states = victims.map((victim) => {
    const swap = Math.max(first.loadMilliseconds ?? 0, victim.loadMilliseconds);
    const { turn, rest } = patienceOf(swap);
    const turnEnds = Math.max(first.since, victim.loadedAt) + turn;
    const restEnds = Math.min(turnEnds, victim.usedAt + rest);
    return { victim, turnEnds, goesAt: victim.uses === 0 ? restEnds : Number.POSITIVE_INFINITY };
  });
  const ids = victims.map(({ id }) => id);
  // One freed before the others can be would be missed for nothing.
  if (states.every(({ goesAt }) => goesAt <= now))
    return { evict: ids, drain: ids, again: undefined };
  const drain = states.filter(({ turnEnds }) => turnEnds <= now).map(({ victim }) => victim.id);
  const times = states.flatMap(({ turnEnds, goesAt }) => [turnEnds, goesAt]);
  const later = times.filter((time) => time > now && Number.isFinite(time));
  return { evict: [], drain, again: later.length > 0 ? Math.min(...later) : undefined };
}

export function decide({ now, free, leaving, residents, wanted }: Standing): Decision {
  const load: string[] = [];
  let left = free;
  let room: Omit<Decision, 'load'> | undefined;
  for (const one of [...wanted].sort((a, b) => a.since - b.since)) {
    if (one.bytes <= left) {
      load.push(one.id);
      left -= one.bytes;
      continue;
    }
    if (room || !one.makesRoom) continue;
    const missing = one.bytes - left - leaving;
    const victims = missing > 0 ? victimsFor(missing, residents) : [];
    // Enough is on its way out, or being loaded: what is free meanwhile is kept for this one.
    if (!victims || victims.length === 0) break;
    room = makeRoom(one, victims, now);
    if (room.drain.length > 0) break;
  }
  return { load, ...(room ?? { evict: [], drain: [], again: undefined }) };
}
