/** Passes that no worker had to run for an answer, by what it says that it has cost. */
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export function countSaved(
  { metrics }: Pick<Services, 'metrics'>,
  c: EdgeContext,
  reason: 'stored' | 'collapsed',
  result: object,
): void {
  const { usage }: { usage?: object } = result;
  const numbers = new Map<string, unknown>(Object.entries(usage ?? {}));
  const passes = ['encoder_passes', 'decoder_passes']
    .map((key) => numbers.get(key))
    .reduce<number>((sum, count) => sum + (typeof count === 'number' ? count : 0), 0);
  const route = c.get('route') ?? 'none';
  if (passes > 0) metrics.count('passesSaved', { route, reason }, passes);
}
