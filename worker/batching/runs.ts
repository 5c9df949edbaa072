/** Carries out what was chosen: runs of the graph, and what becomes of the requests that take part. */
import { itemAt, present, valueAt } from '../../shared/lookup.ts';
import type { FmManifest } from '../../shared/model/manifest.ts';
import type { ForwardResult } from '../engine/forward.ts';
import { stateKey, type TokenState } from '../engine/tokenState.ts';
import { type GraphSession, nextRow } from '../session/types.ts';
import type { Choice, EncodeChoice, FeaturesChoice, PredictChoice, WriteChoice } from './choose.ts';
import type { Contexts } from './contexts.ts';
import { runEncoder } from './fused/encode.ts';
import { runFeatures } from './fused/features.ts';
import { runPredictions } from './fused/predict.ts';
import { tokensOf } from './fused/states.ts';
import { runPiece } from './fused/write.ts';
import type { Pace } from './pace.ts';
import { NOTHING, type StepSize, sizeOfPiece } from './stepSize.ts';
import type { PredictWork, Work, WriteWork } from './work.ts';

export interface RunsOptions {
  readonly manifest: FmManifest;
  readonly graph: GraphSession;
  /** What writes sequences; `graph` where there is none of its own. */
  readonly writer?: GraphSession | undefined;
  readonly contexts: Contexts;
  readonly pace: Pace;
  /** Tokens of a sequence that one run writes. */
  readonly piece: number;
}

export interface Ran extends StepSize {
  /** The requests that are done, and what answers each; the others wait for further runs. */
  readonly done: readonly (readonly [Work, () => void])[];
  readonly milliseconds: number;
}

/**
 * Decoder outputs seen from a state in which all is emptied: constants of the model, by modality, positions
 * and state. Guidance of a target's first step asks for the same ones again and again.
 */
const MOST_CONSTANTS = 16;

export function createRuns({ manifest, graph, writer, contexts, pace, piece }: RunsOptions) {
  const writing = writer ? { graph: writer, isWriter: true } : { graph, isWriter: false };
  const constants = new Map<string, Float32Array>();

  async function encode({ states }: EncodeChoice): Promise<Ran> {
    const kept = states.map((state) => ({
      state,
      context: contexts.encoded(state),
      // Others may ask for the same state next.
      givesContext: contexts.holders(state) > 1 || contexts.isFamiliar(state),
      row: nextRow(),
    }));
    const tokens = tokensOf(itemAt(states, 0, 'states'), manifest);
    const started = performance.now();
    const encoded = await runEncoder(manifest, graph, kept, tokens);
    for (const [i, { state, row }] of kept.entries()) {
      contexts.keepSeen(state, row);
      const context = encoded[i];
      if (context) contexts.keepEncoded(state, context);
    }
    const milliseconds = performance.now() - started;
    pace.learn('encode', tokens * states.length, milliseconds);
    const known = kept.filter(({ context }) => context).length;
    const size = { rows: states.length, tokens: (states.length - known) * tokens };
    return { done: [], milliseconds, ...NOTHING, ...size, known };
  }

  async function write({ works }: WriteChoice): Promise<Ran> {
    const sequences = works.map(({ request, sequence, written }) => ({
      modality: request.modality,
      rows: sequence.states.map((state, c) => ({
        context: present(contexts.seen(state), 'the context of a sequence'),
        row: itemAt(sequence.rows, c, 'rows of a sequence'),
      })),
      weights: request.conditions.map(({ weight }) => weight),
      tokens: sequence.tokens,
      last: present(written.at(-1) ?? request.ids.at(-1), 'the last token of a sequence'),
      sampling: request.sampling,
      draws: request.draws.slice(written.length, written.length + piece),
      stops: request.stops,
    }));
    const { ids, milliseconds } = await runPiece(manifest, writing, sequences, piece);
    const size = sizeOfPiece(sequences, ids);
    const { rows } = size;
    pace.learn('write', rows, milliseconds);
    const done = works.flatMap((work, w): [WriteWork, () => void][] => {
      const { request, sequence, written } = work;
      const own = itemAt(ids, w, 'written tokens');
      written.push(...own);
      sequence.tokens += own.length;
      const isDone =
        written.length >= request.draws.length || request.stops.includes(own.at(-1) ?? -1);
      const result: ForwardResult = { kind: 'write', ids: [...written], cache: sequence };
      return isDone ? [[work, () => work.resolve(result)]] : [];
    });
    return { done, milliseconds, ...size };
  }

  async function predict({ works, states }: PredictChoice): Promise<Ran> {
    const keys = new Set(states.flatMap(({ groups }) => groups.map(({ key }) => key)));
    const isComplete = ({ open }: PredictWork): boolean =>
      [...open.keys()].every((key) => keys.has(key));
    const complete = works.filter(isComplete);
    const groups = states.flatMap((state) => state.groups);
    const open = new Set(works.flatMap((work) => (isComplete(work) ? [] : [...work.open.keys()])));
    const wanted = groups.filter((group) => group.isConstant || open.has(group.key));
    const satisfied = complete.flatMap(({ request }) =>
      request.conditions.map(({ state }) => state),
    );
    const isNeeded = (state: TokenState): boolean => {
      const key = stateKey(state);
      const done = satisfied.filter((one) => stateKey(one) === key).length;
      return contexts.holders(state) > done || contexts.isFamiliar(state);
    };
    const tokens = tokensOf(itemAt(states, 0, 'states').state, manifest);
    const batch = states.map(({ state, groups: own }) => {
      const context = contexts.encoded(state);
      return { state, context, givesContext: tokens > 0 && isNeeded(state), groups: own };
    });
    const known = new Map(works.flatMap(({ outputs }) => [...outputs]));
    const run = await runPredictions(manifest, graph, {
      states: batch,
      tokens,
      draws: complete.map((work) => ({ request: work.request, groups: work.keys })),
      known,
      givesOutputs: wanted.length > 0,
    });
    const { predicted, outputs, milliseconds } = run;
    for (const [i, { state }] of batch.entries()) {
      const context = run.contexts[i];
      if (context) contexts.keepEncoded(state, context);
    }
    for (const { key, isConstant } of wanted)
      if (isConstant) keepConstant(key, valueAt(outputs, key, 'decoder outputs'));
    for (const work of works)
      for (const key of keys)
        if (work.open.delete(key) && !complete.includes(work))
          work.outputs.set(key, valueAt(outputs, key, 'decoder outputs'));
    const targets = groups.reduce((sum, { positions }) => sum + positions.length, 0);
    pace.learn('predict', tokens * states.length + targets, milliseconds);
    const encoded = batch.filter(({ context }) => context).length;
    return {
      done: complete.map((work, i) => {
        const result = itemAt(predicted, i, 'predictions');
        return [work, () => work.resolve(result)];
      }),
      milliseconds,
      ...NOTHING,
      rows: states.length,
      tokens: (states.length - encoded) * tokens + targets,
      known: tokens > 0 ? encoded : 0,
    };
  }

  async function features({ works }: FeaturesChoice): Promise<Ran> {
    const states = works.map(({ state }) => state);
    const tokens = tokensOf(itemAt(states, 0, 'states'), manifest);
    const run = await runFeatures(manifest, graph, states, tokens);
    pace.learn('features', tokens * states.length, run.milliseconds);
    return {
      done: works.map((work, i) => {
        const rows = itemAt(run.features, i, 'features');
        return [work, () => work.resolve(rows)];
      }),
      milliseconds: run.milliseconds,
      ...NOTHING,
      rows: states.length,
      tokens: tokens * states.length,
    };
  }

  function keepConstant(key: string, rows: Float32Array): void {
    constants.set(key, rows);
    const [oldest] = constants.keys();
    if (constants.size > MOST_CONSTANTS && oldest !== undefined) constants.delete(oldest);
  }

  return {
    constant: (key: string): Float32Array | undefined => constants.get(key),
    /** Errors as `GraphSession.run`. */
    async run(choice: Choice): Promise<Ran> {
      switch (choice.kind) {
        case 'encode':
          return await encode(choice);
        case 'write':
          return await write(choice);
        case 'predict':
          return await predict(choice);
        case 'features':
          return await features(choice);
      }
    },
  };
}
