/**
 * What became of requests that carried an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), in the store:
 *
 *   idempotency/<tenant>/<sha256 of method, path and key>/record.json   what was asked, and how far it is
 *   idempotency/<tenant>/<sha256 of method, path and key>/<attempt>     the body of its answer
 *
 * Whoever does the work holds a lease, so that the work of a process that has died can be done again.
 */
import * as z from 'zod';
import { canonicalJson, sha256 } from '../results/content.ts';
import type { Lookup, Store } from '../store/store.ts';

const recordSchema = z.object({
  format: z.literal(1),
  /** Of what was asked. */
  fingerprint: z.string(),
  /** Names this try at the work. */
  attempt: z.string(),
  /** Unix milliseconds. */
  created: z.number(),
  /** Until when whoever does the work is believed to live; absent when it is done. */
  until: z.number().optional(),
  answer: z
    .object({ status: z.number().int(), headers: z.record(z.string(), z.string()) })
    .optional(),
});
type RequestRecord = z.output<typeof recordSchema>;

export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The right to do the work. Of its functions none throws. */
export interface Claim {
  /** Names the work: the same for all who were believed to be at it. */
  readonly work: string;
  /** Says that the work still goes on. */
  renew(): Promise<void>;
  /** Keeps the answer, which equal requests get from now on. */
  finish(answer: KeptAnswer): Promise<void>;
  /** The next request does the work anew. */
  release(): Promise<void>;
}

export type Claimed =
  | { readonly state: 'claimed'; readonly claim: Claim }
  | { readonly state: 'running' }
  | { readonly state: 'other_request' }
  | { readonly state: 'done'; readonly answer: KeptAnswer };

const KEPT_MILLISECONDS = 24 * 3_600_000;
export const LEASE_MILLISECONDS = 30_000;
/** Tries at a claim that others make as well. */
const TRIES = 5;

/** Of the folder of a name, behind all bodies. */
export const RECORD = 'record.json';

function parseRecord(lookup: Lookup): RequestRecord | undefined {
  if (lookup.state !== 'whole') return undefined;
  const { body } = lookup.object;
  return recordSchema.safeParse(JSON.parse(new TextDecoder().decode(body))).data;
}

/** Whether nothing of a name counts any more. @param now unix milliseconds */
export function hasExpired(lookup: Lookup, now: number): boolean {
  const record = parseRecord(lookup);
  return !record || (now - record.created >= KEPT_MILLISECONDS && (record.until ?? 0) <= now);
}

const encoded = (record: RequestRecord) => new TextEncoder().encode(JSON.stringify(record));

export interface IdempotentRequest {
  readonly tenant: string;
  readonly method: string;
  readonly path: string;
  readonly key: string;
  readonly fingerprint: string;
}

/** @throws what the store throws; Error when others claim it again and again */
export async function claimRequest(
  store: Store,
  { tenant, method, path, key, fingerprint }: IdempotentRequest,
  log: (line: string) => void,
): Promise<Claimed> {
  const name = await sha256(canonicalJson([method, path, key]));
  const folder = `idempotency/${tenant}/${name}`;
  const place = `${folder}/${RECORD}`;
  const bodyPlace = (attempt: string): string => `${folder}/${attempt}`;
  const attempt = crypto.randomUUID();

  function claim(first: RequestRecord, firstEtag: string): Claim {
    let [record, etag] = [first, firstEtag];
    const quietly = async (action: string, work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        log(`a request cannot be ${action}: ${error instanceof Error ? error.message : error}`);
      }
    };
    const write = async (next: RequestRecord): Promise<void> => {
      const written = await store.put(place, encoded(next), { ifMatch: etag });
      // Another holds it, since this one was believed to be dead.
      if (written.ok) [record, etag] = [next, written.etag];
    };
    return {
      work: `${name}-${first.created.toString(36)}`,
      renew: () =>
        quietly('held', () => write({ ...record, until: store.now() + LEASE_MILLISECONDS })),
      finish: ({ body, ...answer }) =>
        quietly('remembered', async () => {
          await store.put(bodyPlace(attempt), body);
          const { until: _, ...rest } = record;
          await write({ ...rest, answer });
        }),
      release: () =>
        quietly('forgotten', async () => {
          const lookup = await store.look(place);
          if (lookup.state === 'whole' && lookup.object.etag === etag) await store.delete(place);
        }),
    };
  }

  for (let tries = 0; tries < TRIES; tries++) {
    const lookup = await store.look(place);
    const there = lookup.state === 'whole' ? lookup.object : undefined;
    const parsed = parseRecord(lookup);
    const now = store.now();
    const before = parsed && now - parsed.created < KEPT_MILLISECONDS ? parsed : undefined;
    if (before && before.fingerprint !== fingerprint) return { state: 'other_request' };
    if (before?.until !== undefined && before.until > now) return { state: 'running' };
    const body = before?.answer && (await store.get(bodyPlace(before.attempt)))?.body;
    if (before?.answer && body) return { state: 'done', answer: { ...before.answer, body } };
    const record: RequestRecord = {
      format: 1,
      fingerprint,
      attempt,
      created: before?.created ?? now,
      until: now + LEASE_MILLISECONDS,
    };
    const condition = there ? { ifMatch: there.etag } : { ifNoneMatch: '*' as const };
    const written = await store.put(place, encoded(record), condition);
    if (written.ok) return { state: 'claimed', claim: claim(record, written.etag) };
  }
  throw new Error('others claim a request again and again');
}
