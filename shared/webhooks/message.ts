/** An event as a message of a queue: its name, and when it was due. */
import * as z from 'zod';
import { isEventId } from '../api/webhooks.ts';
import type { EventName } from './event.ts';

/** When the event has another time, this message of it is of no use: another one has that. */
export interface DueMessage extends EventName {
  /** Unix milliseconds. */
  readonly due: number;
}

const segment = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/);
const messageSchema = z.object({
  tenant: segment,
  subject: segment,
  id: z.string().refine(isEventId),
  due: z.number().int().min(0),
});

export const messageOf = ({ tenant, subject, id, due }: DueMessage): string =>
  JSON.stringify({ tenant, subject, id, due });

/** The event that a message names; undefined where it names none. */
export function parseMessage(body: string): DueMessage | undefined {
  try {
    const { success, data } = messageSchema.safeParse(JSON.parse(body));
    return success ? data : undefined;
  } catch {
    return undefined;
  }
}
