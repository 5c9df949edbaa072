/** The events that the routes of tasks answer where they are asked for. */
import type * as z from 'zod';
import { progressSchema } from './generate.ts';
import { problemSchema } from './problemSchema.ts';

/** @param each what one `progress` is about, such as `each step` */
export const taskEvents = (each: string, result: z.ZodType) => ({
  'text/event-stream': {
    description: `Server-sent events: progress for ${each}, then result or problem`,
    text: true,
    events: { progress: progressSchema, result, problem: problemSchema },
  },
});
