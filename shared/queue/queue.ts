/**
 * A queue of names of work. It distributes, and is not the truth about anything: it may give a message twice, out of
 * order, or lose it. Whoever takes from it looks up what the message names, and does nothing where it is done.
 * Implementations pass `test/contract/queue.ts`.
 */

export interface Received {
  readonly body: string;
  /** Names this delivery, for as long as it is hidden from others. */
  readonly receipt: string;
  /** Deliveries of this message, this one among them. */
  readonly deliveries: number;
}

export interface ReceiveOptions {
  /** Messages at most. */
  readonly most: number;
  /** Time that is waited for the first one. */
  readonly waitSeconds: number;
  /** Ends the waiting, with what has come by then. */
  readonly signal?: AbortSignal | undefined;
}

export interface Queue {
  /** Seconds that a delivered message stays hidden unless that is extended. */
  readonly visibilitySeconds: number;
  /** @param delaySeconds until the message can be received */
  send(body: string, delaySeconds?: number): Promise<void>;
  /** Messages that are there, hidden from now on; none when none came in time. */
  receive(options: ReceiveOptions): Promise<Received[]>;
  /** Hides a delivered message for so long from now; 0 gives it back at once. An old receipt changes nothing. */
  hide(receipt: string, seconds: number): Promise<void>;
  /** Takes a delivered message out. An old receipt changes nothing. */
  remove(receipt: string): Promise<void>;
}
