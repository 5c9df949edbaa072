/** How each kind of job is done: one exhaustive table. */
import { refusal } from '../../shared/api/problem.ts';
import { type Cost, costOf } from '../../shared/plan/cost.ts';
import { costOfEmbed, planEmbed } from '../../shared/plan/embed.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import type { JobKind } from '../jobs/job.ts';
import { inputsIn, runCollectionWork } from '../tasks/collections.ts';
import { runEmbed } from '../tasks/embed.ts';
import { generateOn } from '../tasks/generate.ts';
import { asGenerator } from '../tasks/servedModel.ts';
import { runDetokenize, runTokenize } from '../tasks/tokens.ts';
import type { Load } from './gate.ts';
import { HEAD_JOBS } from './headJobs.ts';
import type { JobType } from './jobType.ts';

export type { JobResults } from './jobType.ts';

/** Of pictures that pass through a tokenizer alone: about as many tokens as one has. */
const TOKENIZED: Load = { tokens: 256, priority: 'interactive', tenant: '' };

const nothing = (): object => ({});
const none = (): undefined => undefined;

const assertRuns = ({ dry_run }: { readonly dry_run?: boolean | undefined }): void => {
  if (!dry_run) return;
  const detail = 'a dry run is answered by the edge; a worker runs what it is asked';
  throw refusal('invalid_request', detail);
};

export const JOBS: { readonly [K in JobKind]: JobType<K> } = {
  generate: {
    run: async (request, model, { lender, signal, onProgress, onStep, onDecoded }) => {
      assertRuns(request.request);
      const turn = { priority: request.priority, tenant: request.tenant, onStep };
      const options = { signal, turn, onDecoded, ...(onProgress && { onProgress }) };
      return await generateOn(request, model, lender, options);
    },
    load: ({ request, reused = [], priority = 'interactive', tenant = '' }, model, models) => {
      const plan = planRequest(request, model, models);
      return { tokens: costOf(plan, reused.length).tokenSteps, priority, tenant };
    },
    entry: ({ id }) => ({ id }),
    usage: ({ usage }) => usage,
    saved: ({ request, reused = [] }, model, models) => {
      if (reused.length === 0) return 0;
      const plan = planRequest(request, model, models);
      const [whole, left] = [costOf(plan), costOf(plan, reused.length)];
      const passes = ({ encoderPasses, decoderPasses }: Cost): number =>
        encoderPasses + decoderPasses;
      return passes(whole) - passes(left);
    },
    deadline: ({ request }) => request.deadline_ms,
  },
  embed: {
    run: async ({ priority, tenant, ...task }, model, { lender, signal, onProgress, onStep }) => {
      assertRuns(task.request);
      const turn = { priority, tenant, onStep };
      return await lender.use(model, (own) => runEmbed(task, own, { signal, turn, onProgress }));
    },
    load: async ({ request, priority = 'interactive', tenant = '' }, model) => {
      const { tokenSteps } = costOfEmbed(await planEmbed(request, model));
      return { tokens: tokenSteps, priority, tenant };
    },
    entry: ({ id }) => ({ id }),
    usage: ({ usage }) => usage,
    deadline: ({ request }) => request.deadline_ms,
  },
  tokenize: {
    run: async ({ request }, model, { signal, lender }) =>
      await lender.use(model, (own) => runTokenize(request, own, signal)),
    load: ({ priority = 'interactive', tenant = '' }) => ({ ...TOKENIZED, priority, tenant }),
    entry: nothing,
    usage: nothing,
    deadline: none,
  },
  detokenize: {
    run: async ({ request }, model, { signal, lender, onDecoded }) => {
      const options = { signal, ...(onDecoded && { onDecoded }) };
      return await lender.use(model, (own) => runDetokenize(request, asGenerator(own), options));
    },
    load: () => TOKENIZED,
    entry: nothing,
    usage: nothing,
    deadline: none,
  },
  collections: {
    run: async ({ tenant, operation }, _, options) =>
      await runCollectionWork(operation, { ...options, tenant }),
    load: ({ tenant, operation }) => ({
      tokens: TOKENIZED.tokens * Math.max(1, inputsIn(operation)),
      priority: 'interactive',
      tenant,
    }),
    entry: ({ operation }) => ({ did: operation.do }),
    usage: nothing,
    deadline: none,
  },
  ...HEAD_JOBS,
};
