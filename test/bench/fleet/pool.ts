/**
 * Workers that come and go, and how requests reach them: jobs from one queue that each worker takes from as it has free
 * slots, or direct requests that an edge gives to one worker after the other (`edge/dispatch/turn.ts`).
 */
import { inTurn } from '../../../edge/dispatch/turn.ts';
import type { Clock } from './clock.ts';
import type { Kind } from './requests.ts';
import type { SimulatedWorker } from './worker.ts';

export interface PoolSettings {
  readonly createWorker: () => SimulatedWorker;
  /** FOURM_JOB_SLOTS: jobs that a worker has at work. */
  readonly jobSlots: number;
  readonly coldStart: number;
  /** Edges that take turns by themselves; one knows nothing of the others. */
  readonly edges: number;
}

export interface Pool {
  /** Starts or ends workers until there are so many. */
  readonly resize: (workers: number) => void;
  /** A job is in the queue until a worker takes it. */
  readonly enqueue: (kind: Kind, done: () => void) => void;
  /** A direct request. @returns false when every worker refuses it, or none is there */
  readonly dispatch: (kind: Kind, edge: number, done: () => void) => boolean;
  /** Those in the queue and those at work, which is what the autoscaler counts. */
  readonly inFlight: () => number;
  /** Workers that are paid for: those that start and those that drain as well. */
  readonly paid: () => number;
  readonly busySeconds: () => number;
}

interface Member {
  readonly worker: SimulatedWorker;
  state: 'starting' | 'ready' | 'draining' | 'gone';
  /** Jobs that it has at work. */
  jobs: number;
  /** Whether it waits for a message. */
  polls: boolean;
}

interface Message {
  readonly kind: Kind;
  readonly done: () => void;
}

/** First in, first out, without moving what is left. */
function createFifo<T>() {
  let items: T[] = [];
  let head = 0;
  return {
    push: (item: T): void => void items.push(item),
    shift(): T | undefined {
      const item = items[head];
      if (item === undefined) return undefined;
      head++;
      if (head > 1024 && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    size: (): number => items.length - head,
  };
}

export function createPool(clock: Clock, settings: PoolSettings): Pool {
  const { jobSlots } = settings;
  let members: Member[] = [];
  let ready: Member[] = [];
  const turns = Array.from({ length: settings.edges }, () => 0);
  const messages = createFifo<Message>();
  const pollers = createFifo<Member>();
  let ended = 0;

  const refresh = (): void => {
    members = members.filter(({ state }) => state !== 'gone');
    ready = members.filter(({ state }) => state === 'ready');
  };

  /** A draining worker goes when nothing is left to do. */
  function leaveIfDone(member: Member): void {
    if (member.state !== 'draining' || member.worker.inFlight() > 0) return;
    member.state = 'gone';
    ended += member.worker.busySeconds();
    refresh();
  }

  function take(member: Member, { kind, done }: Message): void {
    member.jobs++;
    member.worker.offer(kind, () => {
      member.jobs--;
      done();
      leaveIfDone(member);
      poll(member);
    });
  }

  /** Takes what it has slots for; where nothing is there it waits its turn for a message. */
  function poll(member: Member): void {
    while (member.state === 'ready' && member.jobs < jobSlots) {
      const message = messages.shift();
      if (message) {
        take(member, message);
        continue;
      }
      if (!member.polls) pollers.push(member);
      member.polls = true;
      return;
    }
  }

  function start(isNow: boolean): void {
    const member: Member = {
      worker: settings.createWorker(),
      state: 'starting',
      jobs: 0,
      polls: false,
    };
    members.push(member);
    const begin = (): void => {
      if (member.state !== 'starting') return;
      member.state = 'ready';
      refresh();
      poll(member);
    };
    if (isNow) begin();
    else clock.after(settings.coldStart, begin);
  }

  /** As Kubernetes: those that are not ready first, then the youngest. */
  function stop(): void {
    const serving = members.filter(({ state }) => state === 'starting' || state === 'ready');
    const victim = serving.findLast(({ state }) => state === 'starting') ?? serving.at(-1);
    if (!victim) return;
    victim.state = victim.state === 'starting' ? 'gone' : 'draining';
    refresh();
    leaveIfDone(victim);
  }

  const wanted = (): number =>
    members.filter(({ state }) => state === 'starting' || state === 'ready').length;

  return {
    resize(workers) {
      const isNow = clock.now() === 0;
      for (let count = wanted(); count < workers; count++) start(isNow);
      for (let count = wanted(); count > workers; count--) stop();
    },
    enqueue(kind, done) {
      for (let member = pollers.shift(); member; member = pollers.shift()) {
        member.polls = false;
        if (member.state !== 'ready' || member.jobs >= jobSlots) continue;
        take(member, { kind, done });
        poll(member);
        return;
      }
      messages.push({ kind, done });
    },
    dispatch(kind, edge, done) {
      const turn = turns[edge] ?? 0;
      turns[edge] = turn + 1;
      for (const member of inTurn(ready, turn, () => 0)) {
        const isTaken = member.worker.offer(kind, () => {
          done();
          leaveIfDone(member);
        });
        if (isTaken) return true;
      }
      return false;
    },
    inFlight: () =>
      messages.size() + members.reduce((sum, { worker }) => sum + worker.inFlight(), 0),
    paid: () => members.length,
    busySeconds: () => members.reduce((sum, one) => sum + one.worker.busySeconds(), ended),
  };
}
