/**
 * Chains that are remembered: every finished target of a kept chain is stored under what led to it, so
 * that a later chain with the same beginning (inputs, seed, settings of the targets so far, models) goes
 * on from there. Targets are made in their order and depend on nothing that comes later, which is why
 * the result is the same.
 */
import { type KnownTarget, knownTargetSchema } from '../api/worker.ts';
import type { Store } from '../store/store.ts';

export interface Chains {
  /** The longest beginning that is there. */
  find(links: readonly string[]): Promise<KnownTarget[]>;
  /** Remembers targets under their links, from the one at `from` on. */
  put(links: readonly string[], targets: readonly KnownTarget[], from: number): Promise<void>;
}

export function createChains(store: Store, log: (line: string) => void): Chains {
  const trouble = (action: string, error: unknown): void =>
    log(`chains ${action}: ${error instanceof Error ? error.message : error}`);
  return {
    async find(links) {
      const known: KnownTarget[] = [];
      try {
        for (const link of links) {
          const found = await store.get(link);
          if (!found) break;
          known.push(knownTargetSchema.parse(JSON.parse(new TextDecoder().decode(found.body))));
        }
      } catch (error) {
        // What cannot be looked up is computed again.
        trouble('get', error);
      }
      return known;
    },
    async put(links, targets, from) {
      try {
        for (const [index, target] of targets.entries()) {
          if (index < from) continue;
          const body = new TextEncoder().encode(JSON.stringify(target));
          const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
          await store.put(links[index]!, body, options);
        }
      } catch (error) {
        trouble('put', error);
      }
    },
  };
}
