/** Time that passes from event to event: what is to happen is kept in a binary heap, by its time. */

export interface Clock {
  /** Seconds since the beginning. */
  readonly now: () => number;
  /** Lets something happen; what is due at one time happens in the order in which it was said. */
  readonly after: (seconds: number, action: () => void) => void;
  /** Lets happen what is due before this time, which it is then. */
  readonly run: (until: number) => void;
}

interface Event {
  readonly time: number;
  readonly order: number;
  readonly action: () => void;
}

const isBefore = (a: Event, b: Event): boolean =>
  a.time < b.time || (a.time === b.time && a.order < b.order);

export function createClock(): Clock {
  const heap: Event[] = [];
  let time = 0;
  let order = 0;

  function push(event: Event): void {
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  function pop(): Event | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let least = heap[child];
      if (least === undefined) break;
      const other = heap[child + 1];
      if (other !== undefined && isBefore(other, least)) {
        least = other;
        child++;
      }
      if (!isBefore(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  return {
    now: () => time,
    after: (seconds, action) => push({ time: time + seconds, order: order++, action }),
    run(until) {
      for (let next = heap[0]; next !== undefined && next.time < until; next = heap[0]) {
        time = next.time;
        pop();
        next.action();
      }
      time = until;
    },
  };
}
