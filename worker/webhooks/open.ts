/** The deliverer of a worker: over its store, with what it reaches receivers by. */
import type { Queue } from '../../shared/queue/queue.ts';
import type { Store } from '../../shared/store/store.ts';
import { createDisabledAddresses } from '../../shared/webhooks/addresses.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
import { createSealing } from '../../shared/webhooks/sealing.ts';
import { createWebhookSecrets } from '../../shared/webhooks/secrets.ts';
import { createTurn } from '../consumer/turn.ts';
import { watchQueue } from '../consumer/watch.ts';
import type { GuardedFetch } from '../guard/guardedFetch.ts';
import type { Log } from '../log.ts';
import { UNWATCHED, type WorkerMetrics } from '../metrics.ts';
import { createDeliverer, type Deliverer } from './deliverer.ts';
import { createHosts, type HostBounds } from './hosts.ts';
import { createSend } from './send.ts';
import { DELIVERY_TIMES } from './services.ts';

/** Of one tenant's receiver. */
const HOST_BOUNDS: HostBounds = { atOnce: 4, inLine: 32 };
/** Events in hand at the same time: they wait for others, and cost next to nothing. */
const SLOTS = 256;

export interface DelivererSettings {
  readonly queue: Queue;
  /** This worker, by a name that it has again when it is started anew in its place. */
  readonly worker: string;
  /** Reaches what users may name, and nothing else. */
  readonly fetch: GuardedFetch;
  /** Key of the secrets; undefined where they are stored as they are. */
  readonly secretsKey: string | undefined;
  /** Aborts when attempts that are still under way have to be given back. */
  readonly stopped: AbortSignal;
  readonly log: Log;
  readonly metrics?: WorkerMetrics | undefined;
}

export function openDeliverer(
  store: Store,
  { queue, worker, fetch, secretsKey, stopped, log, metrics = UNWATCHED }: DelivererSettings,
): Deliverer {
  const { now } = store;
  watchQueue(metrics, 'webhooks', queue, now);
  const sealing = secretsKey === undefined ? undefined : createSealing(secretsKey);
  return createDeliverer(
    {
      events: createEventStore(store),
      secrets: createWebhookSecrets(store, sealing, now),
      addresses: createDisabledAddresses(store),
      queue,
      // Less than the pause between two looks of one worker.
      turn: createTurn(store, {
        worker,
        key: 'state/webhook-sweep.json',
        milliseconds: 0.7 * DELIVERY_TIMES.sweepMilliseconds,
        now,
      }),
      hosts: createHosts(HOST_BOUNDS, now),
      send: createSend(fetch, now),
      worker,
      times: DELIVERY_TIMES,
      log,
      metrics,
      now,
      random: Math.random,
    },
    { slots: SLOTS, stopped },
  );
}
