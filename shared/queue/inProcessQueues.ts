/** The queues of a worker on one machine, with the messages that nobody can handle beside them. */
import { createInProcessQueue } from './inProcess.ts';
import type { DeadLetters, Queue, Queues } from './queue.ts';

/** Dead letters that are kept in memory: the oldest go first. */
const MOST_DEAD = 1000;

/** Dead letters in memory. `log` is told of each, since they end with the process. */
function createDeadLetters(log: (body: string, reason: string) => void): DeadLetters & {
  readonly add: (body: string, reason: string) => void;
} {
  const letters: { readonly body: string; readonly reason: string; readonly receipt: string }[] =
    [];
  let count = 0;
  const remove = async (receipt: string): Promise<void> => {
    const index = letters.findIndex((letter) => letter.receipt === receipt);
    if (index >= 0) letters.splice(index, 1);
  };
  const add = (body: string, reason: string): void => {
    log(body, reason);
    letters.push({ body, reason, receipt: String(++count) });
    if (letters.length > MOST_DEAD) letters.shift();
  };
  return {
    add,
    remove,
    receive: async ({ most }) =>
      letters.slice(0, most).map((letter) => ({ ...letter, deliveries: 1 })),
    hide: async () => {},
    async bury({ body, receipt }, reason) {
      await remove(receipt);
      add(body, reason);
    },
    depth: async () => ({ waiting: letters.length, delayed: 0, taken: 0 }),
  };
}

/** The queues of a worker on one machine. @param log is told of each message that nobody can handle */
export function createInProcessQueues(
  visibilitySeconds: number,
  log: (body: string, reason: string) => void,
): Queues {
  const dead = createDeadLetters(log);
  const queue = (): Queue => createInProcessQueue({ visibilitySeconds, bury: dead.add });
  return { interactive: queue(), batch: queue(), webhooks: queue(), dead };
}
