/**
 * What units cost, as data. Amounts of money are whole numbers of millionths of the currency, so that sums are exact:
 * 1,000,000 is one euro where the currency is EUR.
 */
import * as z from 'zod';

/** One of the currency. */
export const ONE = 1_000_000;

/** Work that is priced, by the route that is asked for it. */
export const PRICED_TASKS = [
  ...['generate', 'imageGenerations', 'imageEdits', 'embed', 'embeddings', 'classify', 'fitHead'],
  ...['tokenize', 'detokenize', 'tokens', 'search', 'addItems', 'importItems'],
] as const;

const price = z.number().min(0).max(1_000_000_000);

export const pricesSchema = z.strictObject({
  currency: z.string().regex(/^[A-Z]{3}$/, 'three capital letters (ISO 4217), such as EUR'),
  /** Millionths of the currency for a unit of every model that is not named. */
  per_unit: price,
  /** The same by a model's digest or id; the digest counts where both are there. */
  models: z.record(z.string().min(1), price).default({}),
  /** The share of its price that a stored result costs. */
  cached_share: z.number().min(0).max(1).default(0),
  /** Tasks that cost nothing. */
  free: z.array(z.string()).default([]),
});
export type Prices = z.output<typeof pricesSchema>;

/**
 * @param text JSON of a price table
 * @throws Error that names what does not fit
 */
export function parsePrices(text: string): Prices {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error('is not valid JSON', { cause });
  }
  const parsed = pricesSchema.safeParse(value);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => {
      return `${issue.path.join('.') || 'the table'}: ${issue.message}`;
    });
    throw new Error(wrong.join('; '));
  }
  return parsed.data;
}

/** What has its price. */
export interface PricedWork {
  /** The route that is asked for it. */
  readonly task: string;
  /** The model whose units they are; undefined where no model works. */
  readonly model?: { readonly id: string; readonly digest: string } | undefined;
  readonly units: number;
}

/** Up to a whole millionth; products such as 0.1 x 3 are not rounded up for their last binary digit. */
const up = (amount: number): number => Math.ceil(Number(amount.toFixed(6)));

/** In millionths of the currency. */
export function priceOf(prices: Prices, { task, model, units }: PricedWork): number {
  if (prices.free.includes(task)) return 0;
  const own = model && (prices.models[model.digest] ?? prices.models[model.id]);
  return up(units * (own ?? prices.per_unit));
}

/** What a stored result costs whose computation costs so much. */
export const cachedPrice = ({ cached_share }: Prices, full: number): number =>
  up(full * cached_share);
