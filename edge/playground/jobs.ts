/** The view of jobs and batches: how far each has come, what became of it, and a form for a file of requests. */
import type { Batch } from '../../shared/api/batches.ts';
import { MOST_LINES } from '../../shared/api/batchLimits.ts';
import type { ListedJob } from '../../shared/api/jobs.ts';
import type { Client } from '../../shared/client/index.ts';
import { button, element } from './dom.ts';
import { batchRow, isOpen, jobRow } from './jobRows.ts';
import { showProblem } from './problems.ts';
import { isShown } from './tabs.ts';

/** Of each kind, so many more are shown with each wish for older ones. */
const PAGE = 10;
/** Between two looks while something is under way, and when nothing is. */
const LOOK_MILLISECONDS = { busy: 1000, idle: 5000 };

/** Builds the view; call it when it is first shown. */
export function openJobs(place: HTMLElement, client: Client): void {
  const problem = element('div', { role: 'alert', id: 'jobs-problem' });
  const status = element('p', { class: 'status', role: 'status', id: 'jobs-status' });
  const batches = element('ul', { class: 'work', id: 'batch-list' });
  const jobs = element('ul', { class: 'work', id: 'job-list' });
  let shown = { batches: PAGE, jobs: PAGE };
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Jobs whose progress comes as events -> how far they are. */
  const fractions = new Map<string, number>();

  /** What went wrong stays until the next thing is asked for; a look that succeeds only ends what a look has said. */
  let isOfLook = false;
  async function guard(work: () => Promise<void>, isLook = false): Promise<void> {
    if (!isLook) problem.replaceChildren();
    try {
      await work();
      if (isLook && isOfLook) problem.replaceChildren();
    } catch (failure) {
      isOfLook = isLook;
      showProblem(problem, failure, undefined);
    }
  }

  /** Lets the bar of a running job move; it is only watched, and nothing depends on it. */
  async function watch(id: string): Promise<void> {
    if (fractions.has(id)) return;
    fractions.set(id, 0);
    try {
      const job = await client.jobs.get(id);
      for await (const event of job.events())
        if (event.event === 'progress') fractions.set(id, event.data.fraction);
    } catch {
      // The list says what became of it.
    }
    fractions.delete(id);
  }

  async function refresh(): Promise<void> {
    clearTimeout(timer);
    let isBusy = false;
    await guard(async () => {
      const [{ data }, { jobs: listed }] = await Promise.all([
        client.batches.list({ limit: Math.min(100, shown.batches) }),
        client.jobs.list({ limit: Math.min(100, shown.jobs) }),
      ]);
      isBusy = data.some(isOpen) || listed.some(isOpen);
      batches.replaceChildren(...data.map((batch) => batchRow(batch, () => cancelBatch(batch))));
      jobs.replaceChildren(
        ...listed.map((job) => jobRow(job, fractions.get(job.id), () => cancelJob(job))),
      );
      for (const job of listed) if (job.status === 'processing') void watch(job.id);
      olderBatches.hidden = data.length < shown.batches || shown.batches >= 100;
      olderJobs.hidden = listed.length < shown.jobs || shown.jobs >= 100;
    }, true);
    const wait = isBusy ? LOOK_MILLISECONDS.busy : LOOK_MILLISECONDS.idle;
    timer = setTimeout(() => void look(), wait);
  }

  /** Nobody is asked for what nobody sees. */
  async function look(): Promise<void> {
    if (isShown(place) && document.visibilityState === 'visible') await refresh();
    else timer = setTimeout(() => void look(), LOOK_MILLISECONDS.busy);
  }

  const cancelBatch = (batch: Batch): void =>
    void guard(async () => {
      await client.batches.cancel(batch.id);
      await refresh();
    });
  const cancelJob = (job: ListedJob): void =>
    void guard(async () => {
      await (await client.jobs.get(job.id)).cancel();
      await refresh();
    });

  const olderBatches = button('Show older batches', () => {
    shown = { ...shown, batches: shown.batches + PAGE };
    void refresh();
  });
  const olderJobs = button('Show older jobs', () => {
    shown = { ...shown, jobs: shown.jobs + PAGE };
    void refresh();
  });

  const file = element('input', { type: 'file', id: 'batch-file', accept: '.jsonl,.ndjson' });
  const send = element('button', { type: 'submit', class: 'primary', disabled: true }, 'Send');
  file.addEventListener('change', () => {
    send.disabled = file.files?.length !== 1;
  });
  const form = element(
    'form',
    { 'aria-label': 'New batch' },
    element('label', { for: 'batch-file' }, 'A file of requests, one a line'),
    file,
    element(
      'p',
      { class: 'hint' },
      `At most ${MOST_LINES.toLocaleString('en')} lines, each with custom_id, method, url and body.`,
    ),
    send,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const [chosen] = file.files ?? [];
    if (!chosen) return;
    send.disabled = true;
    status.textContent = `Sending ${chosen.name} …`;
    void guard(async () => {
      const { id, request_counts } = await client.batches.create(chosen);
      status.textContent = `${request_counts.total} lines are the batch ${id}.`;
      form.reset();
      await refresh();
    }).then(() => {
      send.disabled = file.files?.length !== 1;
      if (problem.childElementCount > 0) status.textContent = '';
    });
  });

  const section = (title: string, ...inside: readonly HTMLElement[]): HTMLElement =>
    element('section', { class: 'work-section' }, element('h2', {}, title), ...inside);
  place.replaceChildren(
    element(
      'div',
      { class: 'panel' },
      element('section', {}, element('h2', {}, 'New batch'), form),
    ),
    element(
      'section',
      { class: 'results', 'aria-label': 'Jobs and batches', tabindex: -1 },
      problem,
      status,
      section('Batches', batches, olderBatches),
      section('Jobs', jobs, olderJobs),
    ),
  );
  void refresh();
}
