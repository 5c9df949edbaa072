/** The task of making vectors: what a worker is asked, and what it would cost. */
import {
  type EmbedDryRun,
  type EmbedResponse,
  embedResponseSchema,
} from '../../shared/api/embed.ts';
import { withoutRunFields } from '../../shared/api/runFields.ts';
import type { WorkerEmbedRequest } from '../../shared/api/worker.ts';
import { costOfEmbed } from '../../shared/plan/embed.ts';
import { usageOf } from '../../shared/plan/usageOf.ts';
import type { Task } from '../compute/task.ts';
import { EMBED } from '../dispatch/tasks.ts';
import { pixelsOf } from '../inputs.ts';
import type { Services } from '../services.ts';
import { type EmbedWish, readEmbedWish } from './read.ts';

function dryRun({ key, model, request, plan, files }: EmbedWish): EmbedDryRun {
  const pixels = plan.items.reduce((sum, { item }) => sum + pixelsOf(item.inputs, files), 0);
  const cost = costOfEmbed(plan, pixels);
  return {
    dry_run: true,
    id: key.id,
    model: model.id,
    ...(plan.kind === 'target' ? { target: plan.entry.name } : { features: plan.features }),
    dimensions: plan.dimensions,
    normalised: request.normalise,
    encoding: request.encoding,
    items: [],
    usage: usageOf(cost),
    exact: cost.exact,
  };
}

/** What a worker is asked. */
function asked({ key, seeds, model, request }: EmbedWish, requestId: string): WorkerEmbedRequest {
  return {
    request_id: requestId,
    id: key.id,
    model: model.id,
    seeds: [...seeds],
    request: withoutRunFields(request),
  };
}

/** @param read what is wanted, where it does not come as a request of `/v1/embed` */
export const embedTask = (
  services: Services,
  read: Task<EmbedWish, EmbedResponse>['read'] = (c) => readEmbedWish(c, services),
): Task<EmbedWish, EmbedResponse> => ({
  schema: embedResponseSchema,
  read,
  dryRun: async (wish) => dryRun(wish),
  async run(wish, { requestId, traceparent, turn }, { signal, emit }) {
    const { files, request } = wish;
    const encoderWillDo = !!request.features;
    const how = { traceparent, turn, signal, onProgress: emit, files, encoderWillDo };
    return { result: await services.dispatcher.run(EMBED, asked(wish, requestId), how) };
  },
  job: (wish, { requestId }) => ({
    task: 'embed',
    request: asked(wish, requestId),
    files: wish.files,
  }),
  madeBy: ({ model }) => [model],
});
