/**
 * Decodes targets as soon as all samples have them, beside the generation of the next ones: all samples of
 * a target in one run of its tokenizer.
 */
import type { GenerateRequest, Merged, Output } from '../../shared/api/generate.ts';
import type { TargetPlan } from '../../shared/plan/targetPlan.ts';
import type { StageTarget } from '../../shared/plan/targets.ts';
import { marked } from '../image/marked.ts';
import { makeOutputs, mergeInstanceSamples } from './outputs.ts';
import type { Reading } from './reading.ts';
import { type ServedModel, servedBy } from './servedModel.ts';

export interface Decoded {
  readonly outputs: readonly Output[];
  readonly merged?: Merged;
}

/** A target was decoded: how long that took, from `started` to `ended` by `performance.now()`. */
export type OnDecoded = (decoded: {
  readonly model: string;
  /** The model's own name. */
  readonly modality: string;
  readonly samples: number;
  readonly started: number;
  readonly ended: number;
}) => void;

export interface Decoding {
  /** One sample of a target is complete; decoding begins with the last one. */
  readonly complete: (
    target: StageTarget,
    sample: number,
    ids: readonly number[],
    model: ServedModel,
    plan: TargetPlan,
  ) => void;
  /** The outputs of a target of which every sample has been told. @throws as its decoder does */
  readonly outputs: (target: StageTarget) => Promise<Decoded>;
}

export interface DecodingListeners {
  readonly onDecoded?: OnDecoded | undefined;
  /** Told of the outputs of each target as soon as they are there. */
  readonly onOutputs?: ((target: StageTarget, outputs: readonly Output[]) => void) | undefined;
}

export function createDecoding(
  {
    id: result,
    seed,
    request: { num_samples: count, outputs: wanted },
  }: { readonly id: string; readonly seed: number; readonly request: GenerateRequest },
  { signal, unknownWords }: Reading,
  { onDecoded, onOutputs }: DecodingListeners = {},
): Decoding {
  const samples = new Map<StageTarget, Map<number, readonly number[]>>();
  const running = new Map<StageTarget, Promise<Decoded>>();

  async function decode(
    { plan: { modality }, entry: { presentation } }: StageTarget,
    rows: readonly { readonly sample: number; readonly ids: readonly number[] }[],
    model: ServedModel,
    plan: TargetPlan,
  ): Promise<Decoded> {
    if (wanted === 'tokens') {
      const bare = ({ sample, ids }: (typeof rows)[number]): Output => {
        return { modality, presentation, sample, tokens: [...ids] };
      };
      return { outputs: rows.map(bare) };
    }
    const unknown = unknownWords.get(modality);
    const started = performance.now();
    const tell = (): void =>
      onDecoded?.({
        model: model.description.id,
        modality,
        samples: rows.length,
        started,
        ended: performance.now(),
      });
    const origin = { model: servedBy(model.description), result, seed, plan };
    const outputs = await makeOutputs(modality, rows, model, {
      seed,
      origin,
      ...(signal && { signal }),
      ...(unknown && { unknownWords: unknown }),
    });
    const ids = rows.map((row) => row.ids);
    const merged = rows.length === 1 ? undefined : await mergeInstanceSamples(modality, ids, model);
    tell();
    return { outputs, ...(merged && { merged: marked(merged, origin, 0) }) };
  }

  return {
    complete(target, sample, ids, model, plan) {
      const finished = samples.get(target) ?? new Map<number, readonly number[]>();
      samples.set(target, finished.set(sample, ids));
      if (finished.size < count || running.has(target)) return;
      const rows = [...finished].map(([index, row]) => ({ sample: index, ids: row }));
      const decoded = decode(
        target,
        rows.sort((a, b) => a.sample - b.sample),
        model,
        plan,
      );
      // When the generation fails first, nobody asks for the outputs any more.
      decoded.then(
        ({ outputs }) => onOutputs?.(target, outputs),
        () => {},
      );
      running.set(target, decoded);
    },
    async outputs(target) {
      const decoded = running.get(target);
      if (!decoded) throw new Error(`decoding: ${target.name} is not complete`);
      return await decoded;
    },
  };
}
