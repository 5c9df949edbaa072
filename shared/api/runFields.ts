/** Fields of every request whose work can be long: what it costs, how long it may take, who is told of its end. */
import * as z from 'zod';
import { jobWebhookFields } from './webhooks.ts';

/** Time a request may take at least: a smaller bound could not even be told apart from a network's delay. */
const LEAST_DEADLINE_MS = 50;

export const runFields = {
  dry_run: z.boolean().optional().describe('Answers what it costs, and runs nothing'),
  deadline_ms: z
    .number()
    .int()
    .min(LEAST_DEADLINE_MS)
    .max(3_600_000)
    .optional()
    .describe('The request fails when it has not ended after so many milliseconds'),
  ...jobWebhookFields,
};

const runSchema = z.object(runFields);
export type RunFields = z.infer<typeof runSchema>;

/** A request without what is its caller's own: equal work has equal requests. */
export function withoutRunFields<R extends RunFields>(request: R): Omit<R, keyof RunFields> {
  const {
    dry_run: _,
    deadline_ms: __,
    webhook: ___,
    webhook_events_filter: ____,
    ...shared
  } = request;
  return shared;
}
