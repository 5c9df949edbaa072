/** A small request that touches the encoder, the decoder and a tokenizer: a model that answers it works. */
import type { Modality } from '../../shared/api/models.ts';
import { runBackbone } from '../batching/backbone.ts';
import { itemFeatures } from '../tasks/features.ts';
import { runGenerate } from '../tasks/generate.ts';
import type { Served, ServedBackbone, ServedEncoder, ServedModel } from '../tasks/servedModel.ts';

const sharesTokens = (a: Modality, b: Modality): boolean =>
  a.modalities.some((name) => b.modalities.includes(name));

const isSlow = ({ loaded }: ServedModel, { modalities }: Modality): boolean =>
  modalities.some((name) => {
    const stem = loaded.fm.modalities[name]?.tokenizer;
    return stem !== undefined && loaded.tokenizers[stem]?.kind === 'divae';
  });

/** One run of no tokens, which has all the parts of any other. */
async function warmUpBackbone({ loaded }: ServedBackbone, signal?: AbortSignal): Promise<void> {
  await runBackbone(loaded.fm, loaded.encoder, new Map(), signal);
}

/** Features of as many tokens as an input has. */
async function warmUpEncoder(model: ServedEncoder, signal?: AbortSignal): Promise<void> {
  const input = model.description.modalities.find(({ accepts }) => accepts.includes('tokens'));
  if (!input) return;
  const tokens = Array.from({ length: input.type === 'img' ? input.tokens : 1 }, () => 0);
  await itemFeatures([{ inputs: { [input.name]: { tokens } }, at: '' }], model, { signal });
}

/** @throws SessionError when the model does not run; the signal's reason */
export async function warmUp(model: Served, signal?: AbortSignal): Promise<void> {
  if (model.kind === 'backbone') return await warmUpBackbone(model, signal);
  if (model.kind === 'encoder') return await warmUpEncoder(model, signal);
  const { modalities } = model.description;
  const input = modalities.find((entry) => entry.accepts.includes('tokens'));
  const target = modalities.find(
    (entry) => entry.output && entry.type === 'img' && (!input || !sharesTokens(entry, input)),
  );
  if (!input || !target) return;
  const tokens = Array.from({ length: input.type === 'img' ? input.tokens : 1 }, () => 0);
  const request = {
    inputs: { [input.name]: { tokens } },
    targets: [{ modality: target.name, steps: 1 }],
    chained: false,
    num_samples: 1,
    // A diffusion decoder takes a minute for one picture; whether its graphs run, loading has shown.
    ...(isSlow(model, target) && { outputs: 'tokens' as const }),
  };
  await runGenerate({ id: 'warm-up', seed: 0, request }, model, signal && { signal });
}
