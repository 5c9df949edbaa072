/**
 * What the workers have loaded. Two questions are asked of it. Which models are there, to say what a
 * request means: the last answer will do, so that stored results are found while no worker answers. And
 * which workers can be sent work: only those that answered just now.
 */
import { WORKER_ADDRESSES } from '../../shared/api/addresses.ts';
import {
  MODEL_STATES,
  type Model,
  type ModelState,
  workerModelsSchema,
} from '../../shared/api/models.ts';
import type { ModelMemory } from '../../shared/jobs/modelMemory.ts';
import { callWorker, errorText, readFailure } from './http.ts';

export interface Listing {
  readonly worker: string;
  readonly models: readonly Model[];
}

export interface ListingOptions {
  readonly secret: string | undefined;
  readonly workers: readonly string[];
  /** How long an answer is believed. */
  readonly ttlSeconds: number;
  /** Where the last answer outlives this process. */
  readonly memory: Pick<ModelMemory, 'remember' | 'recall'>;
  readonly log: (line: string) => void;
}

/** Lets work outlive the request that it came from, which Workers would end with it. */
export type KeepAlive = (work: Promise<unknown>) => void;

export interface Listings {
  /** Every model, once, of the workers that answer; of the last that did when none does. */
  models(keepAlive: KeepAlive): Promise<readonly Model[]>;
  /** Workers that answer, with their models. */
  live(): Promise<readonly Listing[]>;
  /** What was believed of the workers may be outdated. */
  forget(): void;
}

/** An event loop that never stands longer than 50 ms answers within this time, or not at all. */
const ANSWER_MS = 5000;
/** A worker that answers does so within this time; longer, nobody waits while older models are there. */
const GRACE_MS = 250;

interface Question {
  readonly since: number;
  readonly answer: Promise<readonly Listing[]>;
}

/**
 * Each model once, in the state that is nearest to answering. Where one worker has a model whole and another its
 * encoder alone, it is described as it is whole.
 */
function distinct(listings: readonly Listing[]): Model[] {
  const byId = new Map<string, Model>();
  for (const model of listings.flatMap(({ models }) => models)) {
    const known = byId.get(model.id);
    if (!known || (known.kind === 'encoder' && model.kind !== 'encoder')) byId.set(model.id, model);
    else if (known.kind !== model.kind) continue;
    else if (rankOf(model.state) < rankOf(known.state))
      byId.set(model.id, { ...known, state: model.state });
  }
  return [...byId.values()];
}

const withoutStates = (models: readonly Model[]): Model[] =>
  models.map(({ state: _, ...model }) => model);

/** States in the order in which models answer; workers that know no states have all models in memory. */
export const rankOf = (state: ModelState | undefined): number =>
  state === undefined ? 0 : MODEL_STATES.indexOf(state);

export function createListings(options: ListingOptions): Listings {
  const { workers, secret, ttlSeconds, memory, log } = options;
  let last: { readonly at: number; readonly listings: readonly Listing[] } | undefined;
  let lastModels: readonly Model[] | undefined;
  let recalled: { readonly at: number; readonly models: readonly Model[] } | undefined;
  let asking: Question | undefined;

  async function list(worker: string): Promise<Listing[]> {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const call = { path: WORKER_ADDRESSES.models.path, accept: 'application/json', signal };
      const response = await callWorker(worker, call, secret);
      if (!response.ok) {
        log(`worker ${worker} models: ${(await readFailure(response)).detail}`);
        return [];
      }
      return [{ worker, models: workerModelsSchema.parse(await response.json()).models }];
    } catch (error) {
      log(`worker ${worker} models: ${errorText(error)}`);
      return [];
    }
  }

  /** Keeps what the workers said. */
  async function remember(listed: readonly Model[]): Promise<void> {
    try {
      await memory.remember(listed);
    } catch (error) {
      log(`the loaded models cannot be remembered: ${errorText(error)}`);
    }
  }

  async function ask(): Promise<readonly Listing[]> {
    const listings = (await Promise.all(workers.map(list))).flat();
    // An empty answer is not kept: the next request shall see a worker that came up.
    last = listings.length > 0 ? { at: Date.now(), listings } : undefined;
    if (listings.length > 0) lastModels = distinct(listings);
    return listings;
  }

  const isFresh = (): boolean => last !== undefined && Date.now() - last.at < ttlSeconds * 1000;

  /**
   * Requests that ask at the same time share one question to the workers. One that is open for too long
   * belongs to a request that Workers have ended.
   */
  function refresh(): Question {
    if (asking && Date.now() - asking.since < 2 * ANSWER_MS) return asking;
    const question: Question = {
      since: Date.now(),
      answer: ask().finally(() => {
        if (asking === question) asking = undefined;
      }),
    };
    asking = question;
    return question;
  }

  /** What the store knows of workers, some of which this edge cannot ask; undefined where it knows nothing. */
  async function recall(): Promise<readonly Model[] | undefined> {
    if (recalled && Date.now() - recalled.at < ttlSeconds * 1000) return recalled.models;
    try {
      const models = await memory.recall();
      recalled = models.length > 0 ? { at: Date.now(), models } : undefined;
    } catch (error) {
      log(`the models loaded last cannot be recalled: ${errorText(error)}`);
    }
    return recalled?.models;
  }

  return {
    async models(keepAlive) {
      if (isFresh() && lastModels) return lastModels;
      const { since, answer } = refresh();
      keepAlive(answer.then(() => lastModels && remember(lastModels)));
      const waited = Date.now() - since;
      const grace = new Promise<undefined>((resolve) => {
        setTimeout(resolve, Math.max(0, GRACE_MS - waited));
      });
      const inTime = await Promise.race([answer, grace]);
      if (inTime && inTime.length > 0) return distinct(inTime);
      const known = (await recall()) ?? lastModels;
      return known ? withoutStates(known) : distinct(await answer);
    },
    live: async () => (isFresh() && last ? last.listings : await refresh().answer),
    forget() {
      last = undefined;
    },
  };
}
