/**
 * Chains that are remembered: every finished target of a kept chain is stored under what led to it, so
 * that a later chain with the same beginning (inputs, seed, settings of the targets so far, models) goes
 * on from there. Targets are made in their order. Of later ones they depend only on which texts are still to
 * come, whose opening sentinels they see: these are part of what led to them, and so the result is the same.
 */
import { type ReusedTarget, reusedTargetSchema } from '../api/worker.ts';
import type { Store } from '../store/store.ts';
import { readStored, writeStored } from './stored.ts';

/** One target of a chain, and the hash of what led to it. */
export interface ChainLink {
  readonly key: string;
  readonly target: ReusedTarget;
}

export interface Chains {
  /** The longest beginning that is there; what is damaged counts as absent. */
  find(keys: readonly string[]): Promise<ReusedTarget[]>;
  /** Remembers targets. The same key always means the same tokens, so what is there is written over. */
  put(links: readonly ChainLink[]): Promise<void>;
}

/** @param scope whose chains these are: of `scope.ts` */
export function createChains(store: Store, scope: string, log: (line: string) => void): Chains {
  const placeOf = (key: string): string => `chains/${scope}/${key.slice(0, 2)}/${key}.json`;
  const trouble = (action: string, error: unknown): void =>
    log(`chains ${action}: ${error instanceof Error ? error.message : error}`);
  return {
    async find(keys) {
      const reused: ReusedTarget[] = [];
      try {
        for (const key of keys) {
          const found = await readStored(store, placeOf(key), reusedTargetSchema);
          if (found.state !== 'found') break;
          reused.push(found.value);
        }
      } catch (error) {
        // What cannot be looked up is computed again.
        trouble('get', error);
      }
      return reused;
    },
    async put(links) {
      try {
        for (const { key, target } of links) await writeStored(store, placeOf(key), target);
      } catch (error) {
        trouble('put', error);
      }
    },
  };
}
