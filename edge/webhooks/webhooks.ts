/** Webhooks as the edge's routes use them: looked at and asked for again. Workers deliver them. */
import type { Delivery, WebhookSecret } from '../../shared/api/webhooks.ts';
import { isoTime } from '../../shared/isoTime.ts';
import type { JobName } from '../../shared/jobs/job.ts';
import { itemAt } from '../../shared/lookup.ts';
import type { Store } from '../../shared/store/store.ts';
import { deliveryOf } from '../../shared/webhooks/delivery.ts';
import { redeliver } from '../../shared/webhooks/event.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
import { createSealing } from '../../shared/webhooks/sealing.ts';
import { createWebhookSecrets, type SigningSecret } from '../../shared/webhooks/secrets.ts';
import type { Config } from '../config.ts';
import { createInPlace } from '../jobs/place.ts';
import { createTell } from '../jobs/tell.ts';
import { createJobWorkers } from '../jobs/workers.ts';

/** Every function throws FailureError `no_jobs`, and `store_unavailable` where the store is out of order. */
export interface Webhooks {
  /** What was told of a job or batch, the oldest first. */
  deliveries(name: JobName): Promise<Delivery[]>;
  /** Has one told again; undefined where there is none of this id. */
  redeliver(name: JobName, event: string): Promise<Delivery | undefined>;
  secret(tenant: string): Promise<WebhookSecret>;
  rotate(tenant: string): Promise<WebhookSecret>;
}

/** Tries at a change that others make as well. */
const TRIES = 5;

function viewOf(signing: readonly SigningSecret[]): WebhookSecret {
  const { secret, created } = itemAt(signing, 0, 'the secrets');
  const previous = signing
    .slice(1)
    .flatMap(({ until }) => (until === undefined ? [] : [{ expires_at: isoTime(until) }]));
  return { secret, created_at: isoTime(created), previous };
}

export function createWebhooks(
  store: Store,
  config: Config,
  log: (line: string) => void,
): Webhooks {
  const inPlace = createInPlace(store, log);
  const events = createEventStore(store);
  const key = config.FOURM_SECRETS_KEY;
  const secrets = createWebhookSecrets(
    store,
    key === undefined ? undefined : createSealing(key),
    store.now,
  );
  const tell = createTell(config, createJobWorkers(config, log), log);

  async function again(name: JobName, id: string): Promise<Delivery | undefined> {
    const { tenant, id: subject } = name;
    for (let tries = 0; tries < TRIES; tries++) {
      const event = await events.read({ tenant, subject, id });
      if (!event) return undefined;
      const next = redeliver(event, store.now());
      if (!next) return deliveryOf(event);
      if (!(await events.write(next, event))) continue;
      await tell([next]);
      return deliveryOf(next);
    }
    throw new Error(`others change the event ${id} again and again`);
  }

  return {
    deliveries: ({ tenant, id }) =>
      inPlace('deliveries cannot be read', async () =>
        (await events.of(tenant, id)).map(deliveryOf),
      ),
    redeliver: (name, event) => inPlace('webhooks cannot be told again', () => again(name, event)),
    secret: (tenant) =>
      inPlace('the webhook secret cannot be read', async () =>
        viewOf(await secrets.signing(tenant)),
      ),
    rotate: (tenant) =>
      inPlace('the webhook secret cannot be changed', async () =>
        viewOf(await secrets.rotate(tenant)),
      ),
  };
}
