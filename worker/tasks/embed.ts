/** The embed task: items of any inputs -> vectors. A pure function of the request and the model. */
import type {
  EmbeddedItem,
  EmbedRequest,
  EmbedResponse,
  FeatureKind,
} from '../../shared/api/embed.ts';
import type { Progress } from '../../shared/api/generate.ts';
import { itemAt } from '../../shared/lookup.ts';
import { costOfEmbed, type EmbedPlan, planEmbed } from '../../shared/plan/embed.ts';
import type { PassCount } from '../batching/passes.ts';
import type { LaneOptions } from '../batching/scheduler.ts';
import { type Encoded, featuresOf, meanByModality, meanPooled } from './features.ts';
import { predictEmbeddings } from './predictEmbeddings.ts';
import { startReading } from './reading.ts';
import { asGenerator, type Served, servedBy } from './servedModel.ts';
import { answered, type VectorForm } from './vectors.ts';

export interface EmbedTask {
  readonly id: string;
  /** One for each item; none for features. */
  readonly seeds: readonly number[];
  readonly request: EmbedRequest;
}

export interface EmbedOptions {
  /** Called after each item. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whose work it is, and how urgent. */
  readonly turn?: LaneOptions | undefined;
}

/** What is answered of an item's features. */
function featuresAnswered(kind: FeatureKind, encoded: Encoded, form: VectorForm): EmbeddedItem {
  const { width } = encoded;
  switch (kind) {
    case 'mean':
      return { embedding: answered(meanPooled(encoded), form) };
    case 'modalities': {
      const means = [...meanByModality(encoded)].map(([name, mean]) => [
        name,
        answered(mean, form),
      ]);
      return { modalities: Object.fromEntries(means) };
    }
    case 'tokens': {
      const tokens = encoded.parts.map(({ name, positions, rows }) => {
        const vectors = positions.map((_, i) =>
          answered(rows.slice(i * width, (i + 1) * width), form),
        );
        return [name, { positions: [...positions], vectors }];
      });
      return { tokens: Object.fromEntries(tokens) };
    }
  }
}

type Options = Parameters<typeof predictEmbeddings>[4] & { readonly passes: PassCount };

async function embedItems(
  plan: EmbedPlan,
  { request, seeds }: EmbedTask,
  model: Served,
  options: Options,
): Promise<EmbeddedItem[]> {
  const items = plan.items.map(({ item }) => item);
  if (plan.kind === 'features') {
    const { features } = plan;
    const taken = await featuresOf(items, model, options, (encoded) =>
      featuresAnswered(features, encoded, request),
    );
    options.passes.encoder += items.length;
    return taken;
  }
  const seeded = items.map((item, i) => ({ ...item, seed: itemAt(seeds, i, 'seeds') }));
  const target = request.target ?? plan.entry.name;
  const predicted = await predictEmbeddings(seeded, target, request, asGenerator(model), options);
  return predicted.map(({ vector, agreement, samples }) => ({
    embedding: answered(vector, request),
    ...(samples.length > 1 && { agreement }),
  }));
}

/**
 * @throws FailureError for what is wrong with the request, with the pointers of all bad items; the signal's reason
 */
export async function runEmbed(
  task: EmbedTask,
  model: Served,
  { signal, turn, onProgress }: EmbedOptions = {},
): Promise<EmbedResponse> {
  const started = performance.now();
  const { request } = task;
  const plan = await planEmbed(request, model.description);
  const passes: PassCount = { encoder: 0, decoder: 0 };
  const reading = startReading(signal);
  const target = plan.kind === 'target' ? plan.entry.name : 'features';
  const steps = plan.items.length;
  let read = 0;
  const onItem = (step: number, tokens: number): void => {
    read += tokens;
    onProgress?.({ target, step, steps, fraction: step / steps });
  };
  const items = await embedItems(plan, task, model, { signal, turn, reading, passes, onItem });
  const tokens = plan.kind === 'target' ? plan.entry.tokens : 0;
  return {
    id: task.id,
    model: servedBy(model.description),
    ...(plan.kind === 'target' ? { target } : { features: plan.features }),
    dimensions: plan.dimensions,
    normalised: request.normalise,
    encoding: request.encoding,
    items,
    usage: {
      encoder_passes: passes.encoder,
      decoder_passes: passes.decoder,
      units: costOfEmbed(plan, reading.pixels()).units,
      input_tokens: read,
      generated_tokens: tokens * steps * (request.samples ?? 1),
      milliseconds: Math.round(performance.now() - started),
    },
    ...(reading.warnings.length > 0 && { warnings: [...reading.warnings] }),
  };
}
