/** The progress of jobs, by the ids that its followers resume at. */
import * as z from 'zod';
import { progressSchema } from '../api/generate.ts';

export const loggedProgressSchema = z.object({
  /** `<attempt>-<number>`, from 1. */
  id: z.string(),
  progress: progressSchema,
});
export type LoggedProgress = z.infer<typeof loggedProgressSchema>;

/** Of an event's id: the attempt and the number; undefined where it is none. */
export function parseEventId(id: string | undefined): readonly [number, number] | undefined {
  const [, attempt, number] = /^(\d{1,6})-(\d{1,9})$/.exec(id ?? '') ?? [];
  return attempt === undefined ? undefined : [Number(attempt), Number(number)];
}

/** Whether what has been seen up to `last` is older than an event. */
export function isBehind(last: string | undefined, id: string): boolean {
  const [seen, event] = [parseEventId(last), parseEventId(id)];
  if (!seen || !event) return event !== undefined;
  return event[0] > seen[0] || (event[0] === seen[0] && event[1] > seen[1]);
}
