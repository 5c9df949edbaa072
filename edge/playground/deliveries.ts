/** What a webhook was told of a job or a batch: each event with its attempts, and a button that tells it again. */
import type { Delivery } from '../../shared/api/webhooks.ts';
import type { Client } from '../../shared/client/index.ts';
import { button, element } from './dom.ts';
import type { Guard } from './guard.ts';
import { timeOf } from './times.ts';

export interface Deliveries {
  readonly node: HTMLElement;
  /** Asks for them again. @throws as the client */
  refresh(): Promise<void>;
}

type Attempt = Delivery['attempts'][number];

const attemptText = ({ status, error, duration_ms: took, manual }: Attempt): string => {
  const came = status === undefined ? '' : `answered ${status}`;
  const time = took === undefined ? '' : `after ${took.toLocaleString('en')} ms`;
  const parts = [[came, time].filter(Boolean).join(' '), error ?? '', manual ? 'by hand' : ''];
  return parts.filter(Boolean).join(', ');
};

export function createDeliveries(client: Client, id: string, guard: Guard): Deliveries {
  const list = element('ul', { class: 'deliveries' });
  const node = element('div', { hidden: true }, element('h3', {}, 'Webhook'), list);
  let last = '';

  function row(delivery: Delivery): HTMLElement {
    const { id: event, type, url, status, detail, next_attempt_at: next, attempts } = delivery;
    const again = button('Tell it again', () => {
      again.disabled = true;
      void guard(async () => {
        await client.webhooks.redeliver(id, event);
        await refresh();
      }).finally(() => {
        again.disabled = false;
      });
    });
    again.setAttribute('aria-label', `Tell it again: ${type}`);
    return element(
      'li',
      {},
      element(
        'div',
        { class: 'work-head' },
        element('code', {}, type),
        element('span', { class: `state state-${status}` }, status),
        status !== 'delivering' && again,
      ),
      element('p', { class: 'hint' }, url),
      detail !== undefined && element('p', { class: 'warning' }, detail),
      next !== undefined && element('p', { class: 'hint' }, 'Tried again ', timeOf(new Date(next))),
      element(
        'ol',
        { class: 'attempts hint' },
        ...attempts.map((attempt) =>
          element('li', {}, timeOf(new Date(attempt.at)), ` ${attemptText(attempt)}`),
        ),
      ),
    );
  }
  async function refresh(): Promise<void> {
    const deliveries = await client.webhooks.deliveries(id);
    const text = JSON.stringify(deliveries);
    if (text === last) return;
    last = text;
    node.hidden = deliveries.length === 0;
    list.replaceChildren(...deliveries.map(row));
  }
  return { node, refresh };
}
