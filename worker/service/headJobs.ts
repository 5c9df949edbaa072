/** How jobs that are about heads are done: their entries of the table of jobs. */
import { costOfInputs, exampleItems, itemsOf } from '../../shared/plan/classify.ts';
import { runClassify } from '../tasks/classify.ts';
import { runFitHead } from '../tasks/fitHead.ts';
import { runReadHead } from '../tasks/readHead.ts';
import type { JobType } from './jobType.ts';

/** Of a file that is looked at: no model runs. */
const READ = { tokens: 1, priority: 'interactive', tenant: '' } as const;

const classify: JobType<'classify'> = {
  run: async ({ id, request, head, tenant = '', priority }, model, { lender, ...options }) => {
    const task = { id, request, head: head && { ...head, tenant } };
    const turn = { tenant, priority, onStep: options.onStep };
    return await runClassify(task, model, lender, { ...options, tenant, turn });
  },
  load: async ({ request, priority = 'interactive', tenant = '' }, model) => {
    const { tokenSteps: tokens } = await costOfInputs(itemsOf(request), model);
    return { tokens, priority, tenant };
  },
  entry: ({ id }) => ({ id }),
  usage: ({ usage }) => usage,
  deadline: ({ request }) => request.deadline_ms,
};

const fitHead: JobType<'fitHead'> = {
  run: async ({ request, tenant = '', priority }, model, options) =>
    await runFitHead(request, model, {
      ...options,
      tenant,
      turn: { tenant, priority, onStep: options.onStep },
    }),
  load: async ({ request, priority = 'interactive', tenant = '' }, model) => {
    const { tokenSteps } = await costOfInputs(exampleItems(request), model);
    const tokens = Math.max(1, tokenSteps);
    return { tokens, priority, tenant };
  },
  entry: ({ request }) => ({ examples: request.examples?.length }),
  usage: ({ head: { report } }) => ({ l2: report?.l2, accuracy: report?.held_out.accuracy }),
  deadline: ({ request }) => request.deadline_ms,
};

const readHead: JobType<'readHead'> = {
  run: async (request, model, { signal }) => await runReadHead(request, model, signal),
  load: () => READ,
  entry: () => ({}),
  usage: ({ head: { width, labels } }) => ({ width, classes: labels.length }),
  deadline: () => undefined,
};

export const HEAD_JOBS = { classify, fitHead, readHead } as const;
