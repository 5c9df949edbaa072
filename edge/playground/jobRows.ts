/** A job, or a batch, as a row: how far it has come, when, and what can be done with it. */
import type { Batch } from '../../shared/api/batches.ts';
import type { ListedJob } from '../../shared/api/jobs.ts';
import { button, type Child, element } from './dom.ts';

const ENDS = ['succeeded', 'failed', 'canceled', 'completed', 'expired', 'cancelled'];
/** Whether there is more to come of it. */
export const isOpen = ({ status }: { readonly status: string }): boolean => !ENDS.includes(status);

const TASKS: Readonly<Record<ListedJob['task'], string>> = {
  generate: 'Generate',
  embed: 'Embed',
  classify: 'Classify',
  fitHead: 'Fit a head',
};

const words = (status: string): string => status.replaceAll('_', ' ');
const timeOf = (time: Date): HTMLElement =>
  element('time', { datetime: time.toISOString() }, time.toLocaleString());
const link = (href: string, text: string): HTMLElement => element('a', { href }, text);

interface Row {
  readonly id: string;
  readonly title: string;
  readonly status: string;
  readonly made: Date;
  /** Share that is done; undefined where it is not known. */
  readonly done: number | undefined;
  readonly details: readonly Child[];
  readonly links: readonly HTMLElement[];
  readonly onCancel: (() => void) | undefined;
}

function row({ id, title, status, made, done, details, links, onCancel }: Row): HTMLElement {
  const label = `${title} ${id}`;
  return element(
    'li',
    { 'data-id': id },
    element(
      'div',
      { class: 'work-head' },
      element('strong', {}, title),
      element('span', { class: `state state-${status}` }, words(status)),
      timeOf(made),
      onCancel && button('Cancel', onCancel),
    ),
    isOpen({ status }) &&
      element('progress', {
        'aria-label': `Progress of ${label}`,
        max: 1,
        ...(done !== undefined && { value: done }),
      }),
    element('p', { class: 'hint' }, ...details),
    element('p', { class: 'work-links' }, element('code', {}, id), ...links),
  );
}

export function batchRow(batch: Batch, cancel: () => void): HTMLElement {
  const { id, status, request_counts: counts, output_url: output, errors_url: errors } = batch;
  const { total, completed, failed } = counts;
  const failures = failed > 0 ? `, ${failed} failed` : '';
  const isCancellable = status === 'validating' || status === 'in_progress';
  return row({
    id,
    title: batch.endpoint ? `Batch of ${batch.endpoint}` : 'Batch',
    status,
    made: new Date(batch.created_at * 1000),
    done: (completed + failed) / Math.max(1, total),
    details: [
      `${completed} of ${total} lines answered${failures}`,
      batch.errors && `: ${batch.errors.message}`,
    ],
    links: [
      ...(output && completed > 0 ? [link(output, 'Output')] : []),
      ...(errors && failed > 0 ? [link(errors, 'Errors')] : []),
    ],
    onCancel: isCancellable ? cancel : undefined,
  });
}

/** @param fraction how far it is, where that is known */
export function jobRow(
  job: ListedJob,
  fraction: number | undefined,
  cancel: () => void,
): HTMLElement {
  const { id, task, status, attempts, problem } = job;
  const times = attempts === 1 ? 'begun once' : `begun ${attempts} times`;
  const unbegun = status === 'succeeded' ? 'the result was there already' : 'not begun';
  return row({
    id,
    title: TASKS[task],
    status,
    made: new Date(job.created_at),
    done: status === 'processing' ? fraction : undefined,
    details: [problem ? problem.detail : attempts === 0 ? unbegun : times],
    links: status === 'succeeded' ? [link(`/v1/jobs/${id}`, 'Result')] : [],
    onCancel: isOpen(job) ? cancel : undefined,
  });
}
