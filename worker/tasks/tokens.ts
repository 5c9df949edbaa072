/** The tasks of tokens alone: values -> tokens, and tokens -> values. */
import type { Output } from '../../shared/api/generate.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type {
  DetokenizeRequest,
  DetokenizeResponse,
  TokenizeRequest,
  TokenizeResponse,
} from '../../shared/api/tokens.ts';
import { itemAt } from '../../shared/lookup.ts';
import { type PlannedInput, planInput } from '../../shared/plan/inputs.ts';
import { isPixels } from '../../shared/plan/names.ts';
import { checkDetokenize } from '../../shared/plan/tokens.ts';
import type { TokenState } from '../engine/tokenState.ts';
import type { OnDecoded } from './decoding.ts';
import { readInput } from './inputs.ts';
import { makeOutput } from './outputs.ts';
import { startReading } from './reading.ts';
import { type InputModel, type ServedModel, servedBy } from './servedModel.ts';

type Tokenized = TokenizeResponse['inputs'][string];

/**
 * Tokens of a modality as callers see them: null where a grid has none, in the order of a sequence, whose
 * positions begin again with every text of several.
 */
function told(
  modality: string,
  state: TokenState,
  grid: number | undefined,
): Tokenized | undefined {
  const visible = state.get(modality);
  if (visible?.content.kind !== 'ids') return undefined;
  const { ids } = visible.content;
  if (grid === undefined) return { modality, tokens: [...ids] };
  const tokens = Array.from({ length: grid }, (): number | null => null);
  for (const [i, position] of visible.positions.entries())
    tokens[position] = itemAt(ids, i, 'the tokens');
  return { modality, tokens };
}

/** What became of the inputs that came to be tokens; pixels and embeddings did not. */
export function inputTokens(
  outcomes: readonly {
    readonly stage: { readonly inputs: readonly PlannedInput[] };
    readonly result: { readonly inputs: TokenState };
  }[],
): Record<string, Tokenized> {
  const all: Record<string, Tokenized> = {};
  for (const { stage, result } of outcomes) {
    for (const { name, modality, entry } of stage.inputs) {
      const grid = entry.type === 'img' ? entry.tokens : undefined;
      const tokens = told(modality, result.inputs, grid);
      if (tokens) all[name] ??= tokens;
    }
  }
  return all;
}

/**
 * Tokens of each input. A picture that the model would see as pixels is tokenized all the same.
 * @throws FailureError for an input that does not fit, or has no tokens
 */
export async function runTokenize(
  request: TokenizeRequest,
  model: InputModel,
  signal?: AbortSignal,
): Promise<TokenizeResponse> {
  const inputs: Record<string, Tokenized> = {};
  const reading = startReading(signal);
  for (const [name, value] of Object.entries(request.inputs)) {
    const at = pointerTo('inputs', name);
    const planned = planInput(model.description, name, value, () => true);
    const { entry } = planned;
    const own = entry.modalities.find((exact) => !isPixels(entry, exact));
    if (own === undefined || entry.type === 'seq_emb') {
      const detail = `${name} has no tokens: the model takes it as it is`;
      throw refusal('invalid_input', detail, at);
    }
    const state = new Map([[own, await readInput(own, value, model, at, reading)]]);
    const tokens = told(own, state, entry.type === 'img' ? entry.tokens : undefined);
    if (!tokens) throw new Error(`tokenize: ${own} was read as something other than tokens`);
    inputs[name] = tokens;
  }
  const { warnings } = reading;
  return {
    model: servedBy(model.description),
    inputs,
    ...(warnings.length > 0 && { warnings: [...warnings] }),
  };
}

/**
 * Values of tokens.
 * @throws FailureError for tokens that do not fit; the signal's reason when aborted
 */
export async function runDetokenize(
  request: DetokenizeRequest,
  model: ServedModel,
  { signal, onDecoded }: { readonly signal?: AbortSignal; readonly onDecoded?: OnDecoded } = {},
): Promise<DetokenizeResponse> {
  const { seed, steps } = request;
  const outputs: Record<string, Output> = {};
  for (const { name, modality, tokens } of checkDetokenize(request, model.description)) {
    signal?.throwIfAborted();
    const started = performance.now();
    outputs[name] = await makeOutput(modality, tokens, model, {
      seed,
      sample: 0,
      origin: { model: servedBy(model.description), seed },
      ...(steps !== undefined && { steps }),
      ...(signal && { signal }),
    });
    const { id } = model.description;
    onDecoded?.({ model: id, modality, samples: 1, started, ended: performance.now() });
  }
  return { model: servedBy(model.description), seed, outputs };
}
