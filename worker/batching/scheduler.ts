/**
 * The scheduler of a loaded model: requests of all live generations, whoever they belong to, go into shared runs
 * of its graph, one run at a time. After each run it is decided anew whose turn it is and who joins, so that a
 * request which arrives waits for one run at most before it is considered.
 *
 * A result is the same, to the last bit, whatever shares its runs: see `choose.ts` and `fused/`.
 */
import { setImmediate as nextTick } from 'node:timers/promises';
import { present } from '../../shared/lookup.ts';
import { cacheType, vocabularyOf } from '../../shared/model/graphNames.ts';
import type { FmManifest } from '../../shared/model/manifest.ts';
import type { ForwardResult, RunRequests } from '../engine/forward.ts';
import type { TokenState } from '../engine/tokenState.ts';
import { CPU, type Device } from '../session/devices.ts';
import type { GraphSession } from '../session/types.ts';
import { SessionError, ThreadEndedError } from '../session/types.ts';
import { boundsOf } from './bounds.ts';
import { choose } from './choose.ts';
import { createContexts } from './contexts.ts';
import { compositionOf } from './fused/features.ts';
import { tokensOf } from './fused/states.ts';
import { createPace } from './pace.ts';
import { waitBeforeRun } from './patience.ts';
import { createRuns } from './runs.ts';
import { createStatistics, type Statistics } from './statistics.ts';
import { type OnStep, tellStep } from './step.ts';
import { createTurns, type Priority } from './turns.ts';
import type { Asker, SequenceCache, Work } from './work.ts';
import { createFeatures, createWork, endSequence } from './works.ts';

/** Of a kept key or value. */
const BYTES = { float16: 2, float32: 4 } as const;

export interface LaneOptions {
  /** `interactive` when left out. */
  readonly priority?: Priority | undefined;
  /** Whose work it is; all that name none share one. */
  readonly tenant?: string | undefined;
  /** Told of every step that a request of this lane took part in. */
  readonly onStep?: OnStep | undefined;
}

/** The way of one job through the scheduler. */
export interface Lane {
  /** Errors as `RunRequests`, and those of the graph's runs. */
  readonly run: RunRequests;
  /**
   * Features (tokens, D) of states that are not empty, in their order: register tokens, then the modalities in the
   * order of `domains_in`. Errors as those of `run`.
   */
  readonly features: (
    states: readonly TokenState[],
    signal?: AbortSignal,
  ) => Promise<readonly Float32Array[]>;
  /** Ends it: what it still keeps is freed, what it still waits for fails. */
  readonly leave: () => void;
}

export interface Scheduler {
  /** Opens a lane for a job that will ask soon; others may wait a moment for it. */
  readonly join: (options?: LaneOptions) => Lane;
  readonly statistics: () => Statistics;
  /** Tells of every step from now on, whoever took part. */
  readonly watch: (onStep: OnStep) => void;
}

interface OpenLane {
  readonly asker: Asker;
  readonly onStep: OnStep | undefined;
  readonly works: Set<Work>;
  readonly sequences: Set<SequenceCache>;
}

export interface SchedulerOptions {
  /** What the graph runs on; a CPU when left out. */
  readonly device?: Device;
  /** Tokens of a sequence that one run writes; by device and size of the model when left out. */
  readonly piece?: number;
  /** The FM's `write`, where it has one: it writes sequences in the place of `generate`. */
  readonly writer?: GraphSession | undefined;
}

/**
 * @param manifest the FM's
 * @param graph its `generate`, whose runs nobody else begins
 */
export function createScheduler(
  manifest: FmManifest,
  graph: GraphSession,
  { device = CPU, ...options }: SchedulerOptions = {},
): Scheduler {
  const bounds = boundsOf(device);
  const piece = options.piece ?? bounds.piece(manifest);
  const { config } = manifest;
  const contexts = createContexts(manifest, graph);
  const pace = createPace();
  const turns = createTurns();
  const statistics = createStatistics();
  const runs = createRuns({ manifest, graph, writer: options.writer, contexts, pace, piece });
  const watchers = new Set<OnStep>();
  const lanes = new Set<OpenLane>();
  const waiting = new Map<Work, OpenLane>();
  const model = {
    tokensOf: (state: TokenState) => tokensOf(state, manifest),
    compositionOf: (state: TokenState) => compositionOf(state, manifest),
    seen: contexts.seen,
    pace,
    vocabularyOf: (modality: string) => vocabularyOf(modality, manifest.modalities),
    bounds,
    mostBytes: bounds.bytes(manifest),
    tokenBytes: 2 * config.decoder_depth * config.dim * BYTES[cacheType(manifest.precision)],
  };
  let running = false;
  let arrived = (): void => {};

  function settle(work: Work, end: (work: Work) => void): void {
    const lane = waiting.get(work);
    if (!lane) return;
    waiting.delete(work);
    lane.works.delete(work);
    if (work.kind === 'predict')
      for (const { state } of work.request.conditions) contexts.release(state);
    end(work);
  }

  function finish(work: Work, answer: () => void, lane: OpenLane): void {
    if (work.kind === 'write') {
      const { request, sequence, written } = work;
      const isOver = request.isLast || request.stops.includes(written.at(-1) ?? -1);
      if (isOver) drop(sequence, lane);
    }
    settle(work, answer);
  }

  function drop(sequence: SequenceCache, lane: OpenLane): void {
    if (!lane.sequences.delete(sequence)) return;
    endSequence(sequence, graph, contexts);
  }

  /** Runs fail together: those who shared it are tried with fewer, so that one alone bears its own failure. */
  function fail(works: readonly Work[], error: unknown): void {
    const isShared = works.length > 1 && error instanceof SessionError;
    if (isShared && !(error instanceof ThreadEndedError)) {
      for (const work of works) work.most = Math.max(1, Math.ceil(works.length / 2));
      return;
    }
    for (const work of works) settle(work, ({ reject }) => reject(error));
  }

  /** One run, for the one whose turn it is and those who join. */
  async function step(): Promise<void> {
    const candidates = [...waiting.keys()];
    const of = (work: Work) => ({ ...work.asker, since: work.since, work });
    const { work: lead } = turns.next(candidates.map(of));
    const rank = (work: Work) => (work.asker.priority === 'interactive' ? 0 : 1);
    candidates.sort((a, b) => rank(a) - rank(b) || a.since - b.since);
    const started = performance.now();
    let works: readonly Work[] = [lead];
    try {
      const choice = choose(lead, candidates, model);
      works = choice.works;
      const { done, milliseconds, ...size } = await runs.run(choice);
      pace.learn('any', 1, milliseconds);
      statistics.ran(choice.kind, { requests: works.length, rows: size.rows, milliseconds });
      const lanesOf = works.map((work) => waiting.get(work)?.onStep);
      const step = { kind: choice.kind, ...size, started, ended: performance.now() };
      tellStep([...watchers, ...lanesOf], works, step);
      for (const [work, answer] of done) {
        const lane = waiting.get(work);
        if (lane) finish(work, answer, lane);
      }
    } catch (error) {
      fail(works, error);
    }
    const now = performance.now();
    lead.since = now;
    for (const work of works) {
      work.since = now;
      turns.charge(work.asker, (now - started) / works.length);
    }
  }

  async function loop(): Promise<void> {
    running = true;
    try {
      while (waiting.size > 0) {
        // Generations that were just answered ask again within this turn.
        await nextTick();
        await waitBeforeRun({
          isExpected: () => [...lanes].some(({ works }) => works.size === 0),
          arrival: () => new Promise<void>((resolve) => (arrived = resolve)),
          milliseconds: pace.expected('any', 1) ?? 0,
          isWriting: [...waiting.keys()].every(({ kind }) => kind === 'write'),
        });
        if (waiting.size > 0) await step();
      }
    } finally {
      running = false;
    }
  }

  /** Lets a request wait for its run. @param create makes it of what it is answered by */
  function submit<Result, W extends Work>(
    lane: OpenLane,
    create: (asked: {
      readonly asker: Asker;
      readonly resolve: (result: Result) => void;
      readonly reject: (reason: unknown) => void;
    }) => W,
  ): { work: Work; result: Promise<Result> } {
    let work: W | undefined;
    const result = new Promise<Result>((resolve, reject) => {
      work = create({ asker: lane.asker, resolve, reject });
    });
    const made: Work = present(work, 'the work of a request');
    if (made.kind === 'write') lane.sequences.add(made.sequence);
    lane.works.add(made);
    waiting.set(made, lane);
    statistics.came(lane.asker.priority);
    arrived();
    if (!running) void loop();
    return { work: made, result };
  }

  const abandon = (works: Iterable<Work>, reason: unknown): void => {
    for (const work of [...works]) settle(work, ({ reject }) => reject(reason));
  };

  /** Results of all that was asked; when the signal aborts, none of it waits any longer. */
  async function outcomes<Result>(
    asked: readonly { readonly work: Work; readonly result: Promise<Result> }[],
    signal: AbortSignal | undefined,
  ): Promise<Result[]> {
    const works = asked.map(({ work }) => work);
    const leave = (): void => abandon(works, signal?.reason);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.all(asked.map(({ result }) => result));
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  return {
    join({ priority = 'interactive', tenant = '', onStep } = {}) {
      const lane: OpenLane = {
        asker: { priority, tenant },
        onStep,
        works: new Set(),
        sequences: new Set(),
      };
      lanes.add(lane);
      return {
        async run(requests, signal) {
          signal?.throwIfAborted();
          const asked = requests.map((request) =>
            submit<ForwardResult, Work>(lane, (own) =>
              createWork(request, own, { contexts, runs }),
            ),
          );
          return await outcomes(asked, signal);
        },
        async features(states, signal) {
          signal?.throwIfAborted();
          const asked = states.map((state) =>
            submit<Float32Array, Work>(lane, (own) => createFeatures(state, own)),
          );
          return await outcomes(asked, signal);
        },
        leave() {
          if (!lanes.delete(lane)) return;
          abandon(lane.works, new Error('the job has left the scheduler'));
          for (const sequence of [...lane.sequences]) drop(sequence, lane);
        },
      };
    },
    statistics: () =>
      statistics.now(
        [...waiting.keys()].map(({ asker }) => asker.priority),
        { tokensAPiece: piece, longestMilliseconds: bounds.longest },
      ),
    watch: (onStep) => void watchers.add(onStep),
  };
}
