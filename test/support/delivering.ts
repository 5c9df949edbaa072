/** Deliverers of webhooks over one store, whose clock is the test's. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createInProcessQueue } from '../../shared/queue/inProcess.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';
import { createDisabledAddresses } from '../../shared/webhooks/addresses.ts';
import { type Announcement, announce } from '../../shared/webhooks/announce.ts';
import type { EventDocument, EventName } from '../../shared/webhooks/event.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
import { createWebhookSecrets } from '../../shared/webhooks/secrets.ts';
import { createGuardedFetch, type GuardedFetch } from '../../worker/guard/guardedFetch.ts';
import { UNWATCHED } from '../../worker/metrics.ts';
import { createHosts } from '../../worker/webhooks/hosts.ts';
import { createSend } from '../../worker/webhooks/send.ts';
import { DELIVERY_TIMES, type DeliveryServices } from '../../worker/webhooks/services.ts';

/** Reaches receivers of this machine. */
export const loopback: GuardedFetch = createGuardedFetch({ allow: { http: true, loopback: true } });

export interface DeliveryWish {
  readonly worker?: string;
  readonly fetch?: GuardedFetch;
  readonly now?: () => number;
  readonly times?: Partial<DeliveryServices['times']>;
  readonly log?: DeliveryServices['log'];
  readonly metrics?: DeliveryServices['metrics'];
  readonly bounds?: Parameters<typeof createHosts>[0];
}

export function servicesOver(
  store: Store,
  {
    worker = 'w1',
    fetch = loopback,
    now = Date.now,
    times = {},
    log = () => {},
    metrics = UNWATCHED,
    bounds = { atOnce: 4, inLine: 32 },
  }: DeliveryWish = {},
): DeliveryServices {
  return {
    events: createEventStore(store),
    secrets: createWebhookSecrets(store, undefined, now),
    addresses: createDisabledAddresses(store),
    queue: createInProcessQueue({ visibilitySeconds: 30, now }),
    hosts: createHosts(bounds, now),
    turn: { take: async () => 0 },
    send: createSend(fetch, now),
    worker,
    times: { ...DELIVERY_TIMES, ...times },
    log,
    metrics,
    now,
    random: () => 0,
  };
}

/** A clock that stands until it is moved. */
export function createClock(start = Date.now()) {
  let now = start;
  return {
    now: () => now,
    advance: (milliseconds: number): void => {
      now += milliseconds;
    },
  };
}

let count = 0;
export async function announced(
  store: Store,
  url: string,
  more: Partial<Announcement> = {},
  now = Date.now(),
): Promise<EventDocument> {
  const subject = `job_${count++}`;
  const announcement = {
    tenant: 'default',
    subject,
    type: 'job.succeeded' as const,
    url,
    at: now,
    data: { id: subject },
    ...more,
  };
  return await announce(createEventStore(store), announcement, now);
}

export function setUp() {
  const store = createMemoryStore();
  const events = createEventStore(store);
  const until = async (
    name: EventName,
    holds: (event: EventDocument) => boolean,
  ): Promise<EventDocument> => {
    for (let tries = 0; tries < 6000; tries++) {
      const event = await events.read(name);
      if (event && holds(event)) return event;
      await sleep(10);
    }
    throw new Error(`it did not come to that: ${JSON.stringify(await events.read(name))}`);
  };
  const secret = async (): Promise<string> =>
    (await createWebhookSecrets(store, undefined).signing('default'))[0]?.secret ?? '';
  return { store, events, until, secret };
}
