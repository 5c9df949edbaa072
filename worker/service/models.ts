/**
 * The models that a worker serves: loaded and warmed at its start, and loaded again when the thread of one
 * dies or it no longer runs. What is said of them stays the same meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Model } from '../../shared/api/models.ts';
import { refusal } from '../../shared/api/problem.ts';
import { present } from '../../shared/lookup.ts';
import { selectModel } from '../../shared/plan/names.ts';
import type { ServedModel } from '../tasks/servedModel.ts';
import { describeError, type Log } from './log.ts';

export interface ModelsOptions {
  /** One for each model. */
  readonly folders: readonly string[];
  /** Loads the model of a folder. @throws Error; the signal's reason */
  readonly open: (folder: string, signal: AbortSignal) => Promise<ServedModel>;
  /** @throws Error when the model does not run */
  readonly warmUp: (model: ServedModel, signal?: AbortSignal) => Promise<void>;
  readonly log: Log;
  /** Time before a model is loaded again that died again, or could not be loaded; it doubles each time. */
  readonly backoffMilliseconds?: number;
}

export interface Models {
  /** Loads them all. @throws Error when one cannot be loaded; the signal's reason */
  load(signal: AbortSignal): Promise<void>;
  /** True when every model is there. */
  isReady(): boolean;
  /** What is known of them, also of one that is being loaded again; empty before all are loaded. */
  descriptions(): readonly Model[];
  /** Those that run now. */
  running(): readonly ServedModel[];
  /** The model of a name. @throws FailureError `not_ready`, `model_not_loaded` */
  pick(name: string): ServedModel;
  /** Has a model prove that it runs, after a failure that was no fault of the request. */
  check(model: ServedModel): void;
  /** The model in the place of one that has died. @throws the error that ended the loading for good */
  replacement(model: ServedModel): Promise<ServedModel>;
  /** Frees them all; nothing is loaded afterwards. */
  close(): Promise<void>;
}

interface Place {
  readonly folder: string;
  description: Model | undefined;
  model: ServedModel | undefined;
  replacing: Promise<ServedModel> | undefined;
  /** When it was lost, by `performance.now()`. */
  losses: number[];
}

const LONGEST_BACKOFF = 60_000;
/** Losses longer ago than this do not count. */
const MEMORY_MILLISECONDS = 300_000;

export function createModels(options: ModelsOptions): Models {
  const { folders, open, warmUp, log, backoffMilliseconds = 1_000 } = options;
  const places = folders.map(
    (folder): Place => ({
      folder,
      description: undefined,
      model: undefined,
      replacing: undefined,
      losses: [],
    }),
  );
  const closing = new AbortController();
  let loaded = false;
  const milliseconds = (since: number): number => Math.round(performance.now() - since);

  const again = (id: string, seconds: number) =>
    refusal('not_ready', `the model ${id} is being loaded again`, undefined, {
      retryAfterSeconds: seconds,
    });

  async function openWarm({ folder }: Place, signal: AbortSignal): Promise<ServedModel> {
    const model = await open(folder, signal);
    try {
      await warmUp(model, signal);
      return model;
    } catch (error) {
      await model.loaded.close();
      throw error;
    }
  }

  function settle(place: Place, model: ServedModel): void {
    place.description = model.description;
    place.model = model;
    place.replacing = undefined;
    void model.loaded.died.then((cause) => lose(place, model, cause));
  }

  function lose(place: Place, model: ServedModel, cause: unknown): void {
    if (place.model !== model || closing.signal.aborted) return;
    const now = performance.now();
    place.losses = [...place.losses.filter((at) => now - at < MEMORY_MILLISECONDS), now];
    place.model = undefined;
    const { id } = model.description;
    const message = `the model ${id} has stopped working and is loaded again`;
    log({ event: 'broken', message, model: id, error: describeError(cause) });
    place.replacing = replace(place, model);
    place.replacing.catch(() => {});
  }

  async function replace(place: Place, lost: ServedModel): Promise<ServedModel> {
    const { signal } = closing;
    const { id, digest } = lost.description;
    await lost.loaded.close();
    for (let tries = place.losses.length - 1; ; tries++) {
      if (tries > 0) {
        const wait = Math.min(backoffMilliseconds * 2 ** (tries - 1), LONGEST_BACKOFF);
        await sleep(wait, undefined, { signal });
      }
      const started = performance.now();
      try {
        const model = await openWarm(place, signal);
        if (model.description.digest !== digest) {
          await model.loaded.close();
          // Results are kept under the digest that the edge knows: another model must not make them.
          throw new Error(
            `${place.folder} holds another model now; start the worker again to serve it`,
          );
        }
        settle(place, model);
        log({ event: 'replaced', model: id, milliseconds: milliseconds(started) });
        return model;
      } catch (error) {
        if (signal.aborted) throw error;
        const message = `the model ${id} could not be loaded again; it is tried again later`;
        log({ event: 'not replaced', message, model: id, error: describeError(error) });
      }
    }
  }

  const descriptions = (): readonly Model[] =>
    loaded ? places.flatMap(({ description }) => description ?? []) : [];

  return {
    async load(given) {
      const signal = AbortSignal.any([given, closing.signal]);
      for (const place of places) {
        const started = performance.now();
        const model = await openWarm(place, signal);
        const { id, digest } = model.description;
        const twice = places.find(({ description }) => description?.id === id);
        settle(place, model);
        if (twice) {
          const both = `${twice.folder} and ${place.folder}`;
          throw new Error(`FOURM_MODELS_DIR: two sets have the id ${id}: ${both}`);
        }
        log({ event: 'loaded', model: id, digest, milliseconds: milliseconds(started) });
      }
      loaded = true;
    },
    isReady: () => loaded && places.every(({ model }) => model !== undefined),
    descriptions,
    running: () => (loaded ? places.flatMap(({ model }) => model ?? []) : []),
    pick(name) {
      const chosen = selectModel(name, descriptions());
      const place = places.find(({ description }) => description === chosen);
      const { model } = present(place, `the place of ${name}`);
      if (!model) throw again(name, 5);
      return model;
    },
    check(model) {
      warmUp(model).catch((error: unknown) => {
        const place = places.find((one) => one.model === model);
        if (place) lose(place, model, error);
      });
    },
    async replacement(model) {
      const { id } = model.description;
      const place = present(
        places.find(({ description }) => description?.id === id),
        `the place of ${id}`,
      );
      // Its death may be told to others a moment later than to whoever waited for a run.
      if (place.model === model) lose(place, model, new Error('its thread has ended'));
      return place.model ?? (await present(place.replacing, `the replacement of ${id}`));
    },
    async close() {
      closing.abort(new Error('the worker is stopping'));
      await Promise.all(
        places.map(async ({ model, replacing }) => {
          await replacing?.catch(() => undefined);
          await model?.loaded.close();
        }),
      );
    },
  };
}
