/** Keeps what a generation made, and was given, when its caller asked for it. */
import type { GenerateResponse } from '../api/generate.ts';
import type { WorkerGenerateResponse } from '../api/worker.ts';
import { itemAt } from '../lookup.ts';
import type { RequestPlan } from '../plan/plan.ts';
import type { ChainLink, Chains } from './chains.ts';
import { keptTokens, type TokenStore } from './keptTokens.ts';

/**
 * The targets of a chain with the keys that they are remembered under.
 * @param keys of `chainKeys`: none when the targets do not follow each other
 */
export function linksOf(
  keys: readonly string[],
  plan: RequestPlan,
  result: GenerateResponse,
): ChainLink[] {
  if (keys.length === 0) return [];
  const targets = plan.stages.flatMap((stage) => stage.targets);
  return targets.map(({ name, plan: { modality } }, index) => {
    const samples = (result.outputs[name] ?? []).map(({ tokens }) => tokens);
    return { key: itemAt(keys, index, 'the chain'), target: { modality, samples } };
  });
}

/** Whether everything that a result says is kept can still be read, its chain included. */
export async function isStillKept(
  { outputs, kept = {} }: GenerateResponse,
  keys: readonly string[],
  { tokens, chains }: { readonly tokens: TokenStore; readonly chains: Chains },
): Promise<boolean> {
  const refsOfOutputs = Object.values(outputs).flatMap((samples) => samples.map(({ ref }) => ref));
  const refs = [...refsOfOutputs, ...Object.values(kept)].filter((ref) => ref !== undefined);
  const found = await Promise.all(refs.map((ref) => tokens.has(ref)));
  return !found.includes(false) && (await chains.find(keys)).length === keys.length;
}

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
      const withRefs = (result.outputs[name] ?? []).map(async (output) => {
        const kept = keptTokens(output.modality, output.tokens, entry, model);
        return { ...output, ref: await tokens.keep(kept) };
      });
      outputs[name] = await Promise.all(withRefs);
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
