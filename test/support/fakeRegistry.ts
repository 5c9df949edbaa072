/** A registry over models without graphs, by a clock of the test's own. */
import assert from 'node:assert/strict';
import { FailureError } from '../../shared/api/problem.ts';
import { createRegistry, type RegistryOptions } from '../../worker/registry/registry.ts';
import type { FakeModel } from './fakeModels.ts';
import { sourceOf } from './offers.ts';

export const never = new AbortController().signal;
/** Lets everything happen that waits for nothing. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

export async function registryOf(
  models: readonly FakeModel[],
  options: Partial<RegistryOptions> = {},
) {
  const log: Readonly<Record<string, unknown>>[] = [];
  const clock = { now: 0 };
  const source = sourceOf(...models.map(({ offer }) => offer));
  const registry = createRegistry({
    source,
    warmUp: async () => {},
    log: (entry) => void log.push(entry),
    now: () => clock.now,
    backoffMilliseconds: 10,
    ...options,
  });
  /** Begins a use that ends when the test says so; resolves when it has begun. */
  const begin = (model: FakeModel, signal = never) => {
    let end = (): void => {};
    const until = new Promise<void>((resolve) => {
      end = resolve;
    });
    let begun = false;
    const done = registry.use(model.description, signal, async () => {
      begun = true;
      await until;
    });
    done.catch(() => {});
    return { done, end, hasBegun: () => begun };
  };
  const use = (model: FakeModel) => registry.use(model.description, never, async () => {});
  const states = () =>
    Object.fromEntries(registry.status().models.map(({ id, state }) => [id, state]));
  const events = () => log.map(({ event, model }) => `${event} ${model}`);
  return { registry, source, clock, log, begin, use, states, events };
}

export const isFailure = (code: string, detail: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FailureError, String(error));
  assert.equal(error.failure.code, code);
  assert.match(error.failure.detail, detail);
  return true;
};
