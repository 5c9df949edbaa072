/** What is counted of a request when it has ended. */
import type { WorkerMetrics } from '../metrics.ts';

export interface EndedRequest {
  readonly kind: string;
  /** HTTP status, or `gone`. */
  readonly status: number | 'gone';
  readonly milliseconds: number;
}

export function countRequest(metrics: WorkerMetrics, ended: EndedRequest): void {
  const { kind, status, milliseconds } = ended;
  metrics.count('requests', { kind, status: String(status) });
  metrics.observe('requestSeconds', { kind }, milliseconds / 1000);
}

/** Of a result: what its `usage` says. @param saved passes that targets of earlier requests have saved */
export function countUsage(
  metrics: WorkerMetrics,
  model: string,
  { usage, saved }: { readonly usage: object; readonly saved: number },
): void {
  const numbers = new Map(Object.entries(usage));
  const add = (key: string, count: (number: number) => void): void => {
    const number: unknown = numbers.get(key);
    if (typeof number === 'number' && number > 0) count(number);
  };
  add('encoder_passes', (n) => metrics.count('passes', { model, part: 'encoder' }, n));
  add('decoder_passes', (n) => metrics.count('passes', { model, part: 'decoder' }, n));
  add('generated_tokens', (n) => metrics.count('generatedTokens', { model }, n));
  if (saved > 0) metrics.count('passesSaved', { model, reason: 'reused_target' }, saved);
}
