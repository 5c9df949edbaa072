/**
 * Requests whose very bytes were asked before, and what they want: reading a request, planning it and hashing its inputs
 * is most of the work of a stored result, and gives the same each time. A request is known when its tenant, its body,
 * the headers that it is read by, its query and the models are the same. Bytes are compared, not hashes of them.
 */
import type { Model } from '../../shared/api/models.ts';
import { readBody } from '../body/body.ts';
import { loadedModels } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import type { Wish } from './task.ts';

export interface KnownRequests<W extends Wish> {
  /**
   * What a request wants that is known; undefined for any other.
   * @throws FailureError as reading its body does, `worker_unavailable`
   */
  recall(c: EdgeContext): Promise<W | undefined>;
  /** Remembers a request that was read just now, where the same bytes always want the same. */
  remember(c: EdgeContext, wish: W): Promise<void>;
}

/** A body, and what was read of it, which is about as large. */
const WEIGHT = 2;
const BESIDE_BODY = 4096;
/** One request takes no more than this share of the memory. */
const SHARE = 1 / 8;
/** Headers that a request is read by, besides those that name its tenant. */
const HEADERS = ['content-type', 'accept', 'cache-control'] as const;
/** Bytes that tell bodies apart in most cases; equal ones are compared in full. */
const SAMPLES = 64;

interface Entry<W> {
  readonly bytes: Uint8Array;
  readonly models: string;
  readonly wish: W;
}

/** A number that bodies rarely share (FNV-1a over some of their bytes). */
function sampled(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  const step = Math.max(1, Math.floor(bytes.length / SAMPLES));
  for (let at = bytes.length - 1; at >= 0; at -= step)
    hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash >>> 0;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Whether its body is one that routes read, by its headers alone. */
const mayBeKnown = (c: EdgeContext): boolean =>
  c.req.header('content-encoding') === undefined &&
  /^(application\/json|multipart\/form-data)\s*(;|$)/i.test(c.req.header('content-type') ?? '');

/** The body's bytes, which whoever asks next is given as well. */
async function bytesOf(c: EdgeContext): Promise<Uint8Array> {
  const bytes = await c.get('body').bytes(c.req.raw);
  c.set('body', readBody(bytes));
  return bytes;
}

/** @param most bytes of memory; 0 knows nothing */
export function createKnownRequests<W extends Wish>(
  services: Services,
  most: number,
): KnownRequests<W> {
  const entries = new Map<string, Entry<W>>();
  const described = new WeakMap<readonly Model[], string>();
  let together = 0;

  const weightOf = ({ bytes }: Entry<W>): number => bytes.length * WEIGHT + BESIDE_BODY;

  /** Models as a text, which is made once for each answer of the workers. */
  async function modelsNow(c: EdgeContext): Promise<string> {
    const models = await loadedModels(c, services);
    const text = described.get(models) ?? JSON.stringify(models);
    described.set(models, text);
    return text;
  }

  function nameOf(c: EdgeContext, bytes: Uint8Array): string {
    const { url } = c.req;
    const query = url.indexOf('?') < 0 ? '' : url.slice(url.indexOf('?'));
    const headers = HEADERS.map((name) => c.req.header(name) ?? '');
    return [tenantOf(c), query, ...headers, bytes.length, sampled(bytes)].join('\n');
  }

  function drop(name: string): void {
    const entry = entries.get(name);
    if (!entry) return;
    entries.delete(name);
    together -= weightOf(entry);
  }

  return {
    async recall(c) {
      if (most === 0 || !mayBeKnown(c)) return undefined;
      const bytes = await bytesOf(c);
      const name = nameOf(c, bytes);
      const entry = entries.get(name);
      if (!entry || !isEqual(entry.bytes, bytes)) return undefined;
      if (entry.models !== (await modelsNow(c))) return void drop(name);
      entries.delete(name);
      entries.set(name, entry);
      return { ...entry.wish, began: performance.now() };
    },
    async remember(c, wish) {
      if (most === 0 || !wish.isLasting || !mayBeKnown(c)) return;
      const entry = { bytes: await bytesOf(c), models: await modelsNow(c), wish };
      if (weightOf(entry) > most * SHARE) return;
      const name = nameOf(c, entry.bytes);
      drop(name);
      entries.set(name, entry);
      together += weightOf(entry);
      for (const oldest of entries.keys()) {
        if (together <= most) return;
        drop(oldest);
      }
    },
  };
}
