/**
 * Events in the store. Every revision of a document is an object of its own: see `shared/documents`.
 *
 *   webhook-events/<tenant>/<subject>/<id>/<revision>.json   the documents; the highest revision holds
 *   webhook-due/<unix milliseconds>/<tenant>/<subject>/<id>.json
 *       there from before a document says that it is due then, until it has another time or has come to its end
 */
import { createRevisions, documentsUnder, keysUnder } from '../documents/revisions.ts';
import type { Store } from '../store/store.ts';
import { type EventDocument, type EventName, eventDocumentSchema, isSettled } from './event.ts';

export interface DueEvent {
  readonly name: EventName;
  /** Unix milliseconds. */
  readonly due: number;
}

/** Every function throws what the store throws when it is out of order. */
export interface EventStore {
  read(name: EventName): Promise<EventDocument | undefined>;
  /**
   * Writes a revision, after what it is found by when it is due.
   * @returns false when another has written this revision
   */
  write(event: EventDocument, before?: EventDocument): Promise<boolean>;
  /** Events of a job or batch, the oldest first. */
  of(tenant: string, subject: string): Promise<EventDocument[]>;
  /** What was due at a time, of all tenants, the longest overdue first. */
  due(now: number): AsyncGenerator<DueEvent, void, undefined>;
  /** Forgets that an event was due then. */
  forget(due: DueEvent): Promise<void>;
}

const DIGITS = 15;
const DUE = 'webhook-due/';

const subjectFolder = (tenant: string, subject: string): string =>
  `webhook-events/${tenant}/${subject}/`;
const folderOf = ({ tenant, subject, id }: EventName): string =>
  `${subjectFolder(tenant, subject)}${id}/`;
const dueKey = ({ name: { tenant, subject, id }, due }: DueEvent): string =>
  `${DUE}${String(due).padStart(DIGITS, '0')}/${tenant}/${subject}/${id}.json`;

/** Objects have to hold something. */
const MARK = new TextEncoder().encode('{}');

export const nameOf = ({ tenant, subject, id }: EventName): EventName => ({ tenant, subject, id });

export function createEventStore(store: Store): EventStore {
  const documents = createRevisions(store, eventDocumentSchema);
  const events: EventStore = {
    read: (name) => documents.read(folderOf(name)),
    async write(event, before) {
      const due = { name: nameOf(event), due: event.due };
      const isMoved = before !== undefined && before.due !== event.due;
      const isFound = before !== undefined && !isMoved && !isSettled(before);
      if (!isSettled(event) && !isFound) {
        try {
          await store.put(dueKey(due), MARK, { contentType: 'application/json' });
        } catch (error) {
          // Whoever announced the same at the same time may have told it by now, and removed what it was found by.
          if (before !== undefined || !(await events.read(event))) throw error;
        }
      }
      if (!(await documents.write(folderOf(event), event))) return false;
      if (before && (isMoved || isSettled(event)))
        await events.forget({ name: due.name, due: before.due });
      return true;
    },
    async of(tenant, subject) {
      const found: EventDocument[] = [];
      for await (const [, keys] of documentsUnder(store, subjectFolder(tenant, subject))) {
        const event = await documents.newest(keys);
        if (event) found.push(event);
      }
      return found.sort((a, b) => a.created - b.created);
    },
    async *due(now) {
      for await (const key of keysUnder(store, DUE)) {
        const [, time, tenant, subject, file] = key.split('/');
        const due = Number(time);
        if (due > now) return;
        if (tenant === undefined || subject === undefined || file === undefined) continue;
        yield { name: { tenant, subject, id: file.replace(/\.json$/, '') }, due };
      }
    },
    forget: (due) => store.delete(dueKey(due)),
  };
  return events;
}
