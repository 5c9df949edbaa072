/** Looks for models that are new, have changed or have gone, again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, type Log } from '../log.ts';
import type { Registry } from './registry.ts';

/**
 * Looks every so many milliseconds, until the signal aborts. Notices of the file system would come sooner,
 * but not from network file systems, where models of several machines lie.
 */
export async function watchModels(
  registry: Pick<Registry, 'refresh'>,
  milliseconds: number,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  let told = '';
  while (!signal.aborted) {
    await sleep(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await registry.refresh();
      told = '';
    } catch (error) {
      const text = describeError(error);
      if (text !== told) log({ event: 'error', message: 'the models cannot be read', error: text });
      told = text;
    }
  }
}
