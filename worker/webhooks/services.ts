/** What webhooks are delivered with. */
import type { Queue } from '../../shared/queue/queue.ts';
import type { DisabledAddresses } from '../../shared/webhooks/addresses.ts';
import type { EventStore } from '../../shared/webhooks/eventStore.ts';
import type { WebhookSecrets } from '../../shared/webhooks/secrets.ts';
import type { Turn } from '../consumer/turn.ts';
import type { Log } from '../log.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { Hosts } from './hosts.ts';
import type { Send } from './send.ts';

export interface DeliveryTimes {
  /** How long an attempt is believed to be under way: longer than one can take. */
  readonly leaseMilliseconds: number;
  /** Between two looks for events that are due and in no queue. */
  readonly sweepMilliseconds: number;
  /** How long an event may be overdue before such a look takes it for lost. */
  readonly graceMilliseconds: number;
  /** Before an event that could not be handled is looked at again. */
  readonly troubleSeconds: number;
}

export const DELIVERY_TIMES: DeliveryTimes = {
  leaseMilliseconds: 60_000,
  sweepMilliseconds: 60_000,
  graceMilliseconds: 30_000,
  troubleSeconds: 5,
};

export interface DeliveryServices {
  readonly events: EventStore;
  readonly secrets: WebhookSecrets;
  readonly addresses: DisabledAddresses;
  readonly queue: Queue;
  readonly hosts: Hosts;
  readonly send: Send;
  /** This worker, by a name that it has again when it is started anew in its place. */
  readonly worker: string;
  /** Of the workers that share a queue, whose turn it is to look for lost events. */
  readonly turn: Turn;
  readonly times: DeliveryTimes;
  readonly log: Log;
  /** Absent where nobody watches. */
  readonly metrics?: WorkerMetrics | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
}
