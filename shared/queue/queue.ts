/**
 * A queue of names of work. It distributes, and is not the truth about anything: it may give a message twice, out of
 * order, or lose it. Whoever takes from it looks up what the message names, and does nothing where it is done.
 * Implementations pass `test/contract/queue.ts`.
 */

export interface Received {
  readonly body: string;
  /** Names this delivery, for as long as it is hidden from others. */
  readonly receipt: string;
  /** Deliveries of this message, this one among them: a large number tells that its receivers end without a word. */
  readonly deliveries: number;
  /** Why it was buried; only of dead letters. */
  readonly reason?: string;
}

export interface ReceiveOptions {
  /** Messages at most. */
  readonly most: number;
  /** Time that is waited for the first one. */
  readonly waitSeconds: number;
  /** Ends the waiting, with what has come by then. */
  readonly signal?: AbortSignal | undefined;
}

/** Messages as far as the queue knows, which may be a minute late. */
export interface Depth {
  /** Those that a receiver would be given now. */
  readonly waiting: number;
  /** Those that become so later. */
  readonly delayed: number;
  /** Those that a receiver has. */
  readonly taken: number;
}

/** Every message that there is: the number to scale receivers by. */
export const depthOf = ({ waiting, delayed, taken }: Depth): number => waiting + delayed + taken;

export interface Queue {
  /** Seconds that a delivered message stays hidden unless that is extended. */
  readonly visibilitySeconds: number;
  /** Whether other processes send to it and receive from it as well. */
  readonly isShared: boolean;
  /** @param delaySeconds until the message can be received */
  send(body: string, delaySeconds?: number): Promise<void>;
  /** Messages that are there, hidden from now on; none when none came in time. */
  receive(options: ReceiveOptions): Promise<Received[]>;
  /**
   * Hides a delivered message for so long from now; 0 gives it back at once. The delivery counts. An old receipt
   * changes nothing, nor can a message be hidden longer in all than its queue allows (12 hours in SQS).
   */
  hide(receipt: string, seconds: number): Promise<void>;
  /** Gives a message back for reasons that are not its own: it comes again later, as one that was never delivered. */
  defer(message: Received, seconds: number): Promise<void>;
  /** Takes a delivered message out. An old receipt changes nothing. */
  remove(receipt: string): Promise<void>;
  /** Takes a message out that nobody can handle, and keeps it with the reason where operators look for such. */
  bury(message: Received, reason: string): Promise<void>;
  depth(): Promise<Depth>;
}

/** What buried messages become, and those that a queue gave up by itself: without a reason. */
export type DeadLetters = Pick<Queue, 'receive' | 'hide' | 'remove' | 'bury' | 'depth'>;

/** The queues of the product by name. */
export interface Queues {
  /** Jobs that somebody waits for. */
  readonly interactive: Queue;
  /** Jobs that nobody waits for. */
  readonly batch: Queue;
  /** Deliveries of webhooks. */
  readonly webhooks: Queue;
  readonly dead: DeadLetters;
}
