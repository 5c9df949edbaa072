/**
 * Whose turn it is: time on the model is shared out by weight between priorities, and evenly between the tenants
 * of a priority, by start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Nobody starves: who has been
 * served little is next, and who was away does not save up for later.
 */

import { prioritySchema } from '../../shared/api/worker.ts';

export const PRIORITIES = prioritySchema.options;
export type Priority = (typeof PRIORITIES)[number];

/** Shares of the time while all of them wait. */
const WEIGHTS: Readonly<Record<Priority, number>> = { interactive: 8, batch: 1 };

export interface Turn {
  readonly priority: Priority;
  /** Whose work it is. */
  readonly tenant: string;
}

export interface Waiting extends Turn {
  /** When it came, or was served last, by any rising clock. */
  readonly since: number;
}

export interface Turns {
  /** The one that is served next. @param waiting not empty */
  readonly next: <W extends Waiting>(waiting: readonly W[]) => W;
  /** Tells the time that was spent for one. */
  readonly charge: (turn: Turn, milliseconds: number) => void;
}

/** Clocks that run while their owner is served; the one that is furthest behind is next. */
function createClocks() {
  const clocks = new Map<string, number>();
  let present = new Set<string>();
  let floor = 0;
  return {
    /** @param names of those who wait now */
    behind(names: ReadonlySet<string>): string {
      // Who was away begins where the others are.
      for (const name of names)
        if (!present.has(name)) clocks.set(name, Math.max(clocks.get(name) ?? 0, floor));
      present = new Set(names);
      // The clocks of those who wait are all there is to remember.
      for (const name of clocks.keys()) if (!names.has(name)) forget(name);
      const [first = ''] = [...names].sort((a, b) => (clocks.get(a) ?? 0) - (clocks.get(b) ?? 0));
      floor = Math.max(floor, clocks.get(first) ?? 0);
      return first;
    },
    add(name: string, time: number): void {
      clocks.set(name, (clocks.get(name) ?? floor) + time);
    },
  };

  function forget(name: string): void {
    if ((clocks.get(name) ?? 0) <= floor) clocks.delete(name);
  }
}

export function createTurns(): Turns {
  const priorities = createClocks();
  const tenants = new Map<Priority, ReturnType<typeof createClocks>>(
    PRIORITIES.map((priority) => [priority, createClocks()]),
  );
  return {
    next(waiting) {
      const priority = priorities.behind(new Set(waiting.map((one) => one.priority)));
      const equals = waiting.filter((one) => one.priority === priority);
      const clocks = tenants.get(priority as Priority);
      const tenant = clocks?.behind(new Set(equals.map((one) => one.tenant)));
      return equals
        .filter((one) => one.tenant === tenant)
        .reduce((first, one) => (one.since < first.since ? one : first));
    },
    charge({ priority, tenant }, milliseconds) {
      priorities.add(priority, milliseconds / WEIGHTS[priority]);
      tenants.get(priority)?.add(tenant, milliseconds);
    },
  };
}
