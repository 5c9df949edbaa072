/** Keeps what a generation made, and was given, when its caller asked for it. */

import type { GenerateResponse } from '../api/generate.ts';
import type { KnownTarget, WorkerGenerateResponse } from '../api/worker.ts';
import type { RequestPlan } from '../plan/plan.ts';
import { keptTokens, type TokenStore } from './keptTokens.ts';

/** Ids of every target, in the plan's order. */
export const targetsOf = (plan: RequestPlan, result: GenerateResponse): KnownTarget[] =>
  plan.stages.flatMap(({ targets }) =>
    targets.map(({ name, plan: { modality } }) => ({
      modality,
      samples: (result.outputs[name] ?? []).map(({ tokens }) => tokens),
    })),
  );

/**
 * The answer with references in place of what is now in the store.
 * @throws when the store cannot keep it: whoever asks for that must not be told otherwise
 */
export async function keepTokens(
  { input_tokens: given = {}, ...result }: WorkerGenerateResponse,
  plan: RequestPlan,
  tokens: TokenStore,
): Promise<GenerateResponse> {
  const outputs: GenerateResponse['outputs'] = {};
  for (const { model, targets } of plan.stages) {
    for (const { name, entry } of targets) {
      const made = (result.outputs[name] ?? []).map(async (output) => {
        const kept = keptTokens(output.modality, output.tokens, entry, model);
        return { ...output, ref: await tokens.keep(kept) };
      });
      outputs[name] = await Promise.all(made);
    }
  }
  const kept: Record<string, string> = {};
  for (const { model, inputs } of plan.stages) {
    for (const { name, entry } of inputs) {
      const own = given[name];
      if (!own || kept[name] !== undefined) continue;
      kept[name] = await tokens.keep(keptTokens(own.modality, own.tokens, entry, model));
    }
  }
  // The order of the answer is the request's.
  const ordered = Object.fromEntries(
    Object.keys(result.outputs).map((name) => [name, outputs[name] ?? []]),
  );
  return { ...result, outputs: ordered, kept };
}
