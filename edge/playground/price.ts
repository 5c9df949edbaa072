/** What the request would cost, asked of the server as the form changes; and how it would be run. */
import type { DryRunResponse, GenerateRequestBody } from '../../shared/api/generate.ts';
import type { Client } from '../../shared/client/index.ts';
import { button, element } from './dom.ts';

export interface Price {
  readonly node: HTMLElement;
  /** Asks for the price of a request; undefined where there is none to ask for. */
  ask(request: GenerateRequestBody | undefined): void;
}

/** After the last change. */
const WAIT_MILLISECONDS = 350;
/** Larger requests are priced when a visitor asks for it: each question sends their pictures. */
const MOST_CHARACTERS = 1_500_000;

const sizeOf = ({ inputs }: GenerateRequestBody): number =>
  Object.values(inputs).reduce((sum, value) => {
    const data = typeof value === 'object' && 'data' in value ? value.data : value;
    return sum + (typeof data === 'string' ? data.length : 0);
  }, 0);

/** Prices are whole millionths of the currency. */
const MILLION = 1_000_000;

/** An amount as people read it. */
export function moneyText(millionths: number, currency: string): string {
  // Of less than one, the first digits that say something.
  const digits = Math.abs(millionths) < MILLION ? { maximumSignificantDigits: 3 } : {};
  const format = new Intl.NumberFormat('en', { style: 'currency', currency, ...digits });
  return format.format(millionths / MILLION);
}

/** As people read it; in money where the server charges. */
export function priceText({ usage: { units, price, currency } }: DryRunResponse): string {
  const counted = `${units.toLocaleString('en')} ${units === 1 ? 'unit' : 'units'}`;
  return price === undefined || currency === undefined
    ? counted
    : `${moneyText(price, currency)} for ${counted}`;
}

/** @param onPlan told of the plan of the request that was asked for last */
export function createPrice(client: Client, onPlan: (plan: DryRunResponse) => void): Price {
  const node = element('span', { class: 'price hint', id: 'price' });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | undefined;
  let last = '';

  async function question(request: GenerateRequestBody): Promise<void> {
    asking?.abort();
    const own = new AbortController();
    asking = own;
    try {
      const answer = await client.dryRun(request, { signal: own.signal, retries: 0 });
      node.replaceChildren(priceText(answer));
      onPlan(answer);
    } catch {
      // What is wrong with a request is told when it is run.
      if (!own.signal.aborted) node.replaceChildren();
    }
  }
  return {
    node,
    ask(request) {
      const text = request ? JSON.stringify(request) : '';
      if (text === last) return;
      last = text;
      clearTimeout(timer);
      asking?.abort();
      if (!request) return node.replaceChildren();
      if (sizeOf(request) > MOST_CHARACTERS)
        return node.replaceChildren(button('Price?', () => void question(request), 'quiet'));
      timer = setTimeout(() => void question(request), WAIT_MILLISECONDS);
    },
  };
}
