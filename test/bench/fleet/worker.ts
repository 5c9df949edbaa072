/**
 * A worker in the simulation: the real rules of whose turn it is, who shares a run and how long runs are believed to
 * take (`worker/batching`), and of what is refused at the door (`worker/service/gate.ts`), with measured times in
 * place of a model.
 */
import { boundsOf } from '../../../worker/batching/bounds.ts';
import { type Choice, choose, type Model } from '../../../worker/batching/choose.ts';
import { createPace } from '../../../worker/batching/pace.ts';
import { createTurns } from '../../../worker/batching/turns.ts';
import type { Work } from '../../../worker/batching/work.ts';
import type { TokenState } from '../../../worker/engine/tokenState.ts';
import { beyondRoom, countedTokens } from '../../../worker/service/gate.ts';
import type { Clock } from './clock.ts';
import { type DeviceTimes, MODEL, timeOn } from './measured.ts';
import {
  ASKER,
  CAPTION_TOKENS,
  createCaption,
  createPrediction,
  type Kind,
  PICTURE_TOKENS,
  TOKENS,
} from './requests.ts';

/** Milliseconds of what was chosen. */
export type RunTime = (choice: Choice) => number;

export interface WorkerSettings {
  readonly times: DeviceTimes;
  /** FOURM_SLOTS, FOURM_QUEUE_TOKENS */
  readonly slots: number;
  readonly queueTokens: number;
  /** By the measured times when left out. */
  readonly runTime?: RunTime;
}

export interface SimulatedWorker {
  /** Takes a request on, or refuses it at the door. */
  readonly offer: (kind: Kind, done: () => void) => boolean;
  /** Requests at work or waiting. */
  readonly inFlight: () => number;
  /** Seconds in which it ran a graph. */
  readonly busySeconds: () => number;
}

interface Waiter {
  readonly kind: Kind;
  readonly done: () => void;
}

const PIECES = { cuda: 64, cpu: 16 } as const;

/** Requests that a choice serves, for whoever gives times of their own. */
export const rowsOf = (choice: Choice): number =>
  choice.kind === 'encode' || choice.kind === 'predict'
    ? choice.states.length
    : choice.works.length;

function measuredRunTime(times: DeviceTimes, piece: number): RunTime {
  return (choice) => {
    const rows = rowsOf(choice);
    switch (choice.kind) {
      case 'predict':
        return timeOn(times.predict, rows);
      case 'encode':
        return timeOn(times.encode, rows);
      case 'write':
        return piece * timeOn(times.token, rows) + timeOn(times.piece, rows);
      case 'features':
        return timeOn(times.encode, rows);
    }
  };
}

export function createWorker(clock: Clock, settings: WorkerSettings): SimulatedWorker {
  const { times, slots, queueTokens } = settings;
  const piece = PIECES[times.device.kind];
  const bounds = boundsOf(times.device);
  const runTime = settings.runTime ?? measuredRunTime(times, piece);
  const pace = createPace();
  const turns = createTurns();
  const seen = new WeakSet<TokenState>();
  const model: Model = {
    tokensOf: () => PICTURE_TOKENS,
    compositionOf: () => '',
    seen: (state) => (seen.has(state) ? { row: 0, tokens: PICTURE_TOKENS } : undefined),
    pace,
    tokenBytes: 2 * MODEL.decoderDepth * MODEL.dim * (times.precision === 'fp16' ? 2 : 4),
    vocabularyOf: () => 8192,
    bounds,
    mostBytes: bounds.bytes(MODEL),
  };
  const waiting = new Map<Work, Waiter>();
  const queue: Waiter[] = [];
  let [running, taken, busy] = [0, 0, 0];
  let isRunning = false;

  function begin(waiter: Waiter): void {
    running++;
    const since = clock.now() * 1000;
    waiting.set(waiter.kind === 'depth' ? createPrediction(since) : createCaption(since), waiter);
  }

  function leave(work: Work): void {
    const waiter = waiting.get(work);
    if (!waiter) return;
    waiting.delete(work);
    running--;
    taken -= countedTokens(TOKENS[waiter.kind], queueTokens);
    const next = queue.shift();
    if (next) begin(next);
    waiter.done();
  }

  /** What a run leaves behind, as `worker/batching/runs.ts` does it. */
  function settle(choice: Choice, milliseconds: number): void {
    switch (choice.kind) {
      case 'encode':
        for (const state of choice.states) seen.add(state);
        pace.learn('encode', PICTURE_TOKENS * choice.states.length, milliseconds);
        return;
      case 'predict':
        pace.learn('predict', 2 * PICTURE_TOKENS * choice.states.length, milliseconds);
        for (const work of choice.works) leave(work);
        return;
      case 'write':
        pace.learn('write', choice.works.length, milliseconds);
        for (const work of choice.works) {
          work.sequence.tokens += piece;
          if (work.sequence.tokens >= CAPTION_TOKENS) leave(work);
        }
        return;
      case 'features':
        for (const work of choice.works) leave(work);
    }
  }

  function step(): void {
    if (isRunning || waiting.size === 0) return;
    isRunning = true;
    const candidates = [...waiting.keys()];
    const { priority, tenant } = ASKER;
    const { work: lead } = turns.next(
      candidates.map((work) => ({ priority, tenant, since: work.since, work })),
    );
    candidates.sort((a, b) => a.since - b.since);
    const choice = choose(lead, candidates, model);
    const milliseconds = runTime(choice);
    clock.after(milliseconds / 1000, () => {
      isRunning = false;
      busy += milliseconds / 1000;
      pace.learn('any', 1, milliseconds);
      const now = clock.now() * 1000;
      lead.since = now;
      for (const work of choice.works) {
        work.since = now;
        turns.charge(work.asker, milliseconds / choice.works.length);
      }
      settle(choice, milliseconds);
      step();
    });
  }

  return {
    offer(kind, done) {
      const own = countedTokens(TOKENS[kind], queueTokens);
      const load = { taken, own, most: queueTokens, priority: 'interactive' } as const;
      if (beyondRoom(load) > 0) return false;
      taken += own;
      const waiter = { kind, done };
      if (running < slots) begin(waiter);
      else queue.push(waiter);
      step();
      return true;
    },
    inFlight: () => running + queue.length,
    busySeconds: () => busy,
  };
}
