/**
 * The models of an object store. They are offered from what the store says of them, and fetched into a local
 * cache when they are asked for. While the store does not answer, the models that were known last stay.
 */
import { join } from 'node:path/posix';
import { fieldOf } from '../../shared/lookup.ts';
import type { Manifest } from '../../shared/model/manifest.ts';
import { sha256 } from '../../shared/results/content.ts';
import type { Store } from '../../shared/store/store.ts';
import { describedParts, type OpenOptions, openFolder } from '../registry/folderSource.ts';
import { memoryOf, type SizedMember } from '../registry/memory.ts';
import type { Fault, Offer, OfferSource, Offers } from '../registry/offer.ts';
import { RemoteModelError } from './errors.ts';
import { fetchSet } from './fetch.ts';
import { INDEX_PREFIX, indexKey, type StoredSet, storedSetSchema } from './storedSet.ts';

export interface StoredOptions extends OpenOptions {
  /** Folder of what was fetched. */
  readonly cache: string;
  /** Time between two looks into the store, which costs a request for each model. */
  readonly milliseconds?: number;
}

const EVERY_MILLISECONDS = 60_000;

/** Its members with the sizes of their weights, as the index has them. */
function sizedMembers({ fm, tokenizers, set, files }: StoredSet): SizedMember[] {
  const sizes = new Map(files.map(({ path, bytes }) => [path, bytes]));
  const sized = (home: string, manifest: Manifest): SizedMember => {
    const weights = manifest.weights.map((name) => sizes.get(join(home, name)) ?? 0);
    return { manifest, fileBytes: weights.reduce((sum, bytes) => sum + bytes, 0) };
  };
  const others = Object.entries(tokenizers).map(([stem, manifest]) =>
    sized(fieldOf(set.tokenizers, stem, 'the tokenizers of the set'), manifest),
  );
  return [sized(set.fm, fm), ...others];
}

export function storedSource(store: Store, options: StoredOptions): OfferSource {
  const { cache, device, parts, milliseconds = EVERY_MILLISECONDS } = options;
  const known = new Map<string, Offer>();
  let last: { readonly at: number; readonly offers: Offers } | undefined;

  function offerOf(stored: StoredSet, version: string): Offer {
    const { set, fm, tokenizers } = stored;
    const manifests = Object.entries(tokenizers).map(([stem, manifest]) => [stem, { manifest }]);
    return {
      description: describedParts({ set, fm, tokenizers: Object.fromEntries(manifests) }, parts),
      bytes: memoryOf(sizedMembers(stored), device, parts),
      origin: `the ${store.kind} store, ${indexKey(set.id)}`,
      version,
      open: async (signal) =>
        await openFolder(await fetchSet(store, stored, cache, signal), options, signal),
    };
  }

  async function read(key: string): Promise<Offer | undefined> {
    const object = await store.get(key);
    if (!object) throw new RemoteModelError(`${key}: is damaged`);
    const version = await sha256(object.body);
    const before = known.get(key);
    if (before?.version === version) return before;
    const parsed = storedSetSchema.safeParse(JSON.parse(new TextDecoder().decode(object.body)));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new RemoteModelError(`${key}: ${issue?.path.join('.')}: ${issue?.message}`);
    }
    const offer = offerOf(parsed.data, version);
    known.set(key, offer);
    return offer;
  }

  async function keys(): Promise<string[]> {
    const all: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await store.list(INDEX_PREFIX, cursor);
      all.push(...page.keys.filter((key) => key.endsWith('.json')));
      if (page.cursor === undefined) return all;
      cursor = page.cursor;
    }
  }

  async function look(): Promise<Offers> {
    const offers: Offer[] = [];
    const faults: Fault[] = [];
    for (const key of await keys()) {
      try {
        const offer = await read(key);
        if (offer) offers.push(offer);
      } catch (error) {
        faults.push({ origin: `the ${store.kind} store, ${key}`, error });
      }
    }
    return { offers, faults };
  }

  return {
    emptiness: `FOURM_MODELS_STORE: nothing lies under ${INDEX_PREFIX} in the ${store.kind} store`,
    async list() {
      const now = performance.now();
      if (last && now - last.at < milliseconds) return last.offers;
      try {
        last = { at: now, offers: await look() };
        return last.offers;
      } catch (error) {
        if (!last) throw error;
        return { ...last.offers, faults: [{ origin: `the ${store.kind} store`, error }] };
      }
    },
  };
}
