/** Fields of every request whose work can be long: what it costs, and how long it may take. */
import * as z from 'zod';
import { LEAST_DEADLINE_MS } from './generate.ts';

export const runFields = {
  dry_run: z.boolean().optional().describe('Answers what it costs, and runs nothing'),
  deadline_ms: z
    .number()
    .int()
    .min(LEAST_DEADLINE_MS)
    .max(3_600_000)
    .optional()
    .describe('The request fails when it has not ended after so many milliseconds'),
};
