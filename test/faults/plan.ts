/** What goes wrong when: made from a seed, so that a run can be repeated. */
import { uniform } from '../bench/retrieve/vectors.ts';

export type Fault =
  | { readonly do: 'kill'; readonly process: number }
  | { readonly do: 'empty queue'; readonly pauseMilliseconds: number }
  | { readonly do: 'store'; readonly mood: 'well' | 'slow' | 'broken' | 'unavailable' }
  | { readonly do: 'receiver down' }
  | { readonly do: 'receiver back' };

export interface PlannedFault {
  /** From the first request on. */
  readonly atMilliseconds: number;
  readonly fault: Fault;
}

export interface PlanOptions {
  readonly seed: number;
  readonly kills: number;
  /** Processes that are killed, each as likely as another. */
  readonly processes: number;
  /** Time in which it all happens. */
  readonly seconds: number;
  /** Time of the longest fault of the store, and of the receiver. */
  readonly longSeconds: number;
}

/** Faults in the order of their times. */
export function planFaults(options: PlanOptions): PlannedFault[] {
  const { seed, kills, processes, seconds, longSeconds } = options;
  const random = uniform(seed);
  const at = (share: number): number => Math.round(share * seconds * 1000);
  const long = longSeconds * 1000;
  const killed = Array.from({ length: kills }, (_, kill): PlannedFault => {
    const process = Math.floor(random() * processes);
    return { atMilliseconds: at((kill + random()) / kills), fault: { do: 'kill', process } };
  });
  const mood = (atMilliseconds: number, mood: 'well' | 'slow' | 'broken' | 'unavailable') => ({
    atMilliseconds,
    fault: { do: 'store', mood } as const,
  });
  const others: PlannedFault[] = [
    { atMilliseconds: at(0.2), fault: { do: 'empty queue', pauseMilliseconds: 1000 } },
    mood(at(0.3), 'broken'),
    mood(at(0.3) + long / 3, 'slow'),
    mood(at(0.3) + (2 * long) / 3, 'well'),
    { atMilliseconds: at(0.4), fault: { do: 'receiver down' } },
    { atMilliseconds: at(0.4) + 2 * long, fault: { do: 'receiver back' } },
    mood(at(0.6), 'unavailable'),
    mood(at(0.6) + long, 'well'),
    { atMilliseconds: at(0.8), fault: { do: 'empty queue', pauseMilliseconds: 3000 } },
  ];
  return [...killed, ...others].sort((a, b) => a.atMilliseconds - b.atMilliseconds);
}
