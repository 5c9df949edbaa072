/** A job as a row: how far it has come, with its result and what its webhook was told when it is opened. */
import type { ListedJob } from '../../shared/api/jobs.ts';
import type { Modality } from '../../shared/api/models.ts';
import type { Client } from '../../shared/client/index.ts';
import { createDeliveries } from './deliveries.ts';
import { type Child, element } from './dom.ts';
import type { Guard } from './guard.ts';
import { createJobResult } from './jobResult.ts';
import { moneyText } from './price.ts';
import { durationText } from './times.ts';
import { createWorkRow } from './workRow.ts';

export interface JobRowOptions {
  readonly client: Client;
  readonly modalities: readonly Modality[];
  readonly guard: Guard;
  readonly onCancel: () => void;
  readonly onToggle: (isOpen: boolean) => void;
}

export interface JobRow {
  readonly node: HTMLElement;
  /** Shows how the job stands now. */
  update(job: ListedJob): void;
  open(): void;
}

const TASKS: Readonly<Record<ListedJob['task'], string>> = {
  generate: 'Generate',
  embed: 'Embed',
  classify: 'Classify',
  fitHead: 'Fit a head',
};
const ENDS: readonly ListedJob['status'][] = ['succeeded', 'failed', 'canceled'];
/** Jobs that are followed at a time: each takes one of the six connections that browsers have to a server. */
const MOST_WATCHED = 3;
let watched = 0;

export const isOpenJob = ({ status }: ListedJob): boolean => !ENDS.includes(status);

/** What it costs, as long as it may be charged. */
function cost({ status, price, currency }: ListedJob): string {
  if (price === undefined || currency === undefined) return '';
  if (status === 'failed' || status === 'canceled') return 'not charged';
  const text = moneyText(price, currency);
  return status === 'succeeded' ? `${text} charged` : `${text} held`;
}

/** How it went so far, in words. */
function story(job: ListedJob, now: string): string {
  const { status, attempts, problem, started_at: from, completed_at: to } = job;
  if (problem) return problem.detail;
  if (status === 'queued') return attempts === 0 ? 'waits for its turn' : 'waits to be begun again';
  if (status === 'succeeded' && attempts === 0) return 'the result was there already';
  if (status === 'succeeded' && from && to)
    return `took ${durationText((Date.parse(to) - Date.parse(from)) / 1000)}`;
  if (status === 'processing' || status === 'starting')
    return [now, attempts > 1 ? `begun ${attempts} times` : ''].filter(Boolean).join(', ');
  return '';
}

export function createJobRow(first: ListedJob, options: JobRowOptions): JobRow {
  const { client, modalities, guard, onCancel, onToggle } = options;
  const { id, task } = first;
  const result = createJobResult(task, modalities);
  const deliveries = createDeliveries(client, id, guard);
  let job = first;
  let isWatched = false;
  let isShown = false;
  let fraction: number | undefined;
  let now = '';

  /** Follows the events of a job that runs; the list says what became of it, so that nothing depends on them. */
  async function watch(): Promise<void> {
    if (isWatched || watched >= MOST_WATCHED) return;
    isWatched = true;
    watched++;
    try {
      const handle = await client.jobs.get(id, { inline: true });
      for await (const event of handle.events({ inline: true })) {
        if (event.event === 'result') finish(event.data);
        if (event.event !== 'progress') return;
        const { target, step, steps } = event.data;
        fraction = event.data.fraction;
        now = `${target}: step ${step} of ${steps}`;
        result.progress(event.data);
        draw();
      }
    } catch {
      isWatched = false;
    } finally {
      watched--;
    }
  }
  function finish(made: unknown): void {
    if (isShown) return;
    isShown = true;
    result.finish(made);
  }
  async function load(): Promise<void> {
    if (job.status === 'succeeded' && !isShown) {
      const handle = await client.jobs.get(id, { inline: true });
      if (handle.job.result) finish(handle.job.result);
    }
    await deliveries.refresh();
  }
  const row = createWorkRow({
    id,
    title: TASKS[task],
    made: new Date(first.created_at),
    more: element('div', { class: 'job-more' }, result.node, deliveries.node),
    onCancel,
    onToggle(isOpen) {
      if (isOpen) void guard(load, true);
      onToggle(isOpen);
    },
  });
  function draw(): void {
    const details: Child[] = [[story(job, now), cost(job)].filter(Boolean).join(' · ')];
    row.show({
      status: job.status,
      isOpen: isOpenJob(job),
      done: job.status === 'processing' ? fraction : undefined,
      details,
      links: [],
      canCancel: isOpenJob(job),
    });
  }
  return {
    node: row.node,
    open: row.open,
    update(next) {
      job = next;
      if (job.status === 'processing') void watch();
      if (row.isOpen()) void guard(load, true);
      draw();
    },
  };
}
