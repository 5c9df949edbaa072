/**
 * The same work asked for twice at once is done once, within this process or isolate. Everyone who asked
 * waits for it, each as long as he likes; when the last one has gone, the work is told to stop.
 *
 * In Workers, what a request opened (a connection, a stream) may be touched from within that request
 * alone. So requests reach each other through promises only: an event is put down and those who wait
 * fetch it, and the last one to leave has the work aborted where it began.
 */

/** What the work itself sees. */
export interface WorkContext<E> {
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
  /** Tells everyone who waits. */
  readonly emit: (event: E) => void;
}

/** One caller's share in the work. */
export interface Share<T, E> {
  /** True when the work was under way already. */
  readonly joined: boolean;
  /** Whether another caller answers for the work: the one who began it, or, when he has left, the next of those who wait. */
  readonly follows: () => boolean;
  /** The work's outcome or error. Rejects with the reason of the caller's own signal when he leaves. */
  readonly outcome: Promise<T>;
  /** What the work tells from now on; ends with the work, or when the caller leaves. */
  events(): AsyncGenerator<E, void, undefined>;
  /** Resolves when the work has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

export interface Coalescer<T, E> {
  /** Joins the work under way for `key`, or begins it. The caller leaves when his signal aborts. */
  join(
    key: string,
    work: (context: WorkContext<E>) => Promise<T>,
    signal: AbortSignal,
  ): Share<T, E>;
  /** Whether work for `key` is under way. */
  isRunning(key: string): boolean;
}

interface Run<T, E> {
  readonly outcome: Promise<T>;
  readonly ended: Promise<void>;
  readonly events: readonly E[];
  readonly isOver: () => boolean;
  /** Resolves when an event has come or the work is over. */
  readonly news: () => Promise<void>;
  readonly abandon: () => void;
  /** In the order in which they came; the first one answers for the work. */
  readonly waiters: Set<symbol>;
  /** Who answered for it when it was over. */
  answering?: symbol | undefined;
}

/** A promise and what resolves it. */
function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function begin<T, E>(work: (context: WorkContext<E>) => Promise<T>): Run<T, E> {
  const controller = new AbortController();
  const abandoned = deferred();
  void abandoned.promise.then(() => controller.abort(new Error('nobody waits for this any more')));
  const events: E[] = [];
  let isOver = false;
  let news = deferred();
  const tell = (): void => {
    const told = news;
    news = deferred();
    told.resolve();
  };
  const emit = (event: E): void => {
    events.push(event);
    tell();
  };
  const outcome = work({ signal: controller.signal, emit }).finally(() => {
    isOver = true;
    tell();
  });
  const ended = outcome.then(
    () => {},
    () => {},
  );
  return {
    outcome,
    ended,
    events,
    isOver: () => isOver,
    news: () => (isOver ? Promise.resolve() : news.promise),
    abandon: abandoned.resolve,
    waiters: new Set(),
  };
}

export function createCoalescer<T, E = never>(): Coalescer<T, E> {
  const running = new Map<string, Run<T, E>>();

  function share(key: string, run: Run<T, E>, joined: boolean, signal: AbortSignal): Share<T, E> {
    const self = Symbol('caller');
    run.waiters.add(self);
    const left = deferred();
    const outcome = new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        signal.removeEventListener('abort', leave);
        left.resolve();
        if (run.isOver()) run.answering ??= [...run.waiters][0];
        run.waiters.delete(self);
        if (signal.aborted) reject(signal.reason);
        if (run.waiters.size > 0 || run.isOver()) return;
        // Whoever asks from now on must not join what is being stopped.
        if (running.get(key) === run) running.delete(key);
        run.abandon();
      };
      signal.addEventListener('abort', leave, { once: true });
      if (signal.aborted) return leave();
      run.outcome.then(resolve, reject).finally(() => {
        if (!signal.aborted) leave();
      });
    });
    // A caller who only looks at the events leaves the outcome's error to others.
    outcome.catch(() => {});
    const first = run.events.length;
    async function* events(): AsyncGenerator<E, void, undefined> {
      let next = first;
      for (;;) {
        const news = run.news();
        while (next < run.events.length && !signal.aborted) {
          const event = run.events[next++];
          if (event !== undefined) yield event;
        }
        if (run.isOver() || signal.aborted) return;
        await Promise.race([news, left.promise]);
      }
    }
    const follows = (): boolean => (run.answering ?? [...run.waiters][0]) !== self;
    return { joined, follows, outcome, events, ended: run.ended };
  }

  return {
    isRunning: (key) => running.has(key),
    join(key, work, signal) {
      const underWay = running.get(key);
      if (underWay) return share(key, underWay, true, signal);
      const run = begin(work);
      running.set(key, run);
      void run.ended.then(() => {
        if (running.get(key) === run) running.delete(key);
      });
      return share(key, run, false, signal);
    },
  };
}
