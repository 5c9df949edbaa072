/**
 * Tells each charge as a CloudEvent (1.0, JSON in batches) to an address of the operator's. At least once: what was not
 * answered with 2xx is sent again, with the same ids.
 */
import type { Decided } from '../../shared/credit/usage.ts';
import { isoTime } from '../../shared/isoTime.ts';

export interface SinkSettings {
  readonly url: string;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined;
}

export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: (typeof TYPES)[keyof typeof TYPES];
  readonly time: string;
  readonly subject: string;
  readonly datacontenttype: 'application/json';
  readonly data: Readonly<Record<string, string | number | boolean>>;
}

export const TYPES = {
  charged: 'io.4m-edge.usage.charged',
  /** Of a job that failed or was canceled: nothing was charged in the end. */
  returned: 'io.4m-edge.usage.returned',
} as const;

/** Events of one request. */
const AT_ONCE = 100;
const TIMEOUT_MILLISECONDS = 15_000;

export function eventOf(tenant: string, { charge, fate, currency = '' }: Decided): CloudEvent {
  const { id, at, key, task, model, units, amount, cached = false, request, job } = charge;
  return {
    specversion: '1.0',
    id,
    source: `/4m-edge/tenants/${tenant}`,
    type: fate === 'back' ? TYPES.returned : TYPES.charged,
    time: isoTime(at),
    subject: tenant,
    datacontenttype: 'application/json',
    data: {
      ...{ tenant, key, task, model, units, amount, currency, cached, request },
      ...(job !== undefined && { job }),
    },
  };
}

/** @throws Error where the sink did not take them, or does not answer */
export const createSink =
  ({ url, token }: SinkSettings, send: typeof fetch = fetch) =>
  async (tenant: string, decided: readonly Decided[]): Promise<void> => {
    for (let at = 0; at < decided.length; at += AT_ONCE) {
      const events = decided.slice(at, at + AT_ONCE).map((one) => eventOf(tenant, one));
      const response = await send(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/cloudevents-batch+json; charset=utf-8',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify(events),
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`the sink of usage answered ${response.status}`);
    }
  };
