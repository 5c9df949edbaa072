/** The view of jobs and batches: how far each has come, what became of it, and a form for a file of requests. */
import type { Batch } from '../../shared/api/batches.ts';
import type { ListedJob } from '../../shared/api/jobs.ts';
import type { Modality, Model } from '../../shared/api/models.ts';
import type { Client } from '../../shared/client/index.ts';
import { createBatchForm } from './batchForm.ts';
import { createBatchRow, isOpenBatch } from './batchRow.ts';
import { button, element, intro } from './dom.ts';
import { createGuard } from './guard.ts';
import { createJobRow, isOpenJob } from './jobRow.ts';
import { isShown, linkOfView, writeAddress } from './tabs.ts';
import { createWorkList } from './workList.ts';

const VIEW = 'jobs';
/** Of each kind, so many more are shown with each wish for older ones. */
const PAGE = 10;
/** So many of each kind are listed at most. */
const MOST = 100;
/** Between two looks while something is under way, and when nothing is. */
const LOOK_MILLISECONDS = { busy: 1000, idle: 5000 };

/** The address of the view with one piece of work opened. */
export const linkToWork = (id: string): string => `#${VIEW}?${new URLSearchParams({ open: id })}`;
const openedInAddress = (): string => new URLSearchParams(linkOfView(VIEW)).get('open') ?? '';

/** What each name means, of the first model that has it. */
function modalitiesOf(models: readonly Model[]): Modality[] {
  const all = models.flatMap(({ modalities }) => modalities);
  return [...new Map(all.reverse().map((modality) => [modality.name, modality])).values()];
}

/** Builds the view; call it when it is first shown. */
export function openJobs(place: HTMLElement, client: Client, models: readonly Model[]): void {
  const problem = element('div', { role: 'alert', id: 'jobs-problem' });
  const status = element('p', { class: 'status', role: 'status', id: 'jobs-status' });
  const guard = createGuard(problem);
  const modalities = modalitiesOf(models);
  let wanted = { batches: PAGE, jobs: PAGE };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let looks = 0;

  const onToggle = (id: string, isOpen: boolean): void => {
    if (isOpen) writeAddress(VIEW, new URLSearchParams({ open: id }).toString());
    else if (openedInAddress() === id) writeAddress(VIEW, '');
  };
  const batches = createWorkList<Batch>('batch-list', (batch) =>
    createBatchRow(batch, {
      ...{ client, guard, onToggle: (isOpen) => onToggle(batch.id, isOpen) },
      onCancel: () => cancel(() => client.batches.cancel(batch.id)),
    }),
  );
  const jobs = createWorkList<ListedJob>('job-list', (job) =>
    createJobRow(job, {
      ...{ client, guard, modalities, onToggle: (isOpen) => onToggle(job.id, isOpen) },
      onCancel: () => cancel(async () => await (await client.jobs.get(job.id)).cancel()),
    }),
  );
  const cancel = (ask: () => Promise<unknown>): void =>
    void guard(async () => {
      await ask();
      await refresh();
    });

  async function refresh(): Promise<void> {
    clearTimeout(timer);
    const own = ++looks;
    let isBusy = false;
    await guard(async () => {
      const [{ data }, { jobs: listed }] = await Promise.all([
        client.batches.list({ limit: Math.min(MOST, wanted.batches) }),
        client.jobs.list({ limit: Math.min(MOST, wanted.jobs) }),
      ]);
      // A later look knows more, and is followed by the next.
      if (own !== looks) return;
      isBusy = data.some(isOpenBatch) || listed.some(isOpenJob);
      batches.show(data);
      jobs.show(listed);
      olderBatches.hidden = data.length < wanted.batches || wanted.batches >= MOST;
      olderJobs.hidden = listed.length < wanted.jobs || wanted.jobs >= MOST;
    }, true);
    if (own !== looks) return;
    const wait = isBusy ? LOOK_MILLISECONDS.busy : LOOK_MILLISECONDS.idle;
    timer = setTimeout(() => void look(), wait);
  }

  /** Nobody is asked for what nobody sees. */
  async function look(): Promise<void> {
    if (isShown(place) && document.visibilityState === 'visible') await refresh();
    else timer = setTimeout(() => void look(), LOOK_MILLISECONDS.busy);
  }

  async function openNamed(): Promise<void> {
    const id = openedInAddress();
    if (id === '') return;
    await refresh();
    batches.open(id);
    jobs.open(id);
    place.querySelector(`[data-id="${CSS.escape(id)}"]`)?.scrollIntoView({ block: 'nearest' });
  }

  const olderBatches = button('Show older batches', () => {
    wanted = { ...wanted, batches: wanted.batches + PAGE };
    void refresh();
  });
  const olderJobs = button('Show older jobs', () => {
    wanted = { ...wanted, jobs: wanted.jobs + PAGE };
    void refresh();
  });
  const form = createBatchForm(client, {
    guard,
    tell: (text) => {
      status.textContent = text;
    },
    onMade: refresh,
  });

  const section = (title: string, ...inside: readonly HTMLElement[]): HTMLElement =>
    element('section', { class: 'work-section' }, element('h2', {}, title), ...inside);
  place.replaceChildren(
    element(
      'div',
      { class: 'panel' },
      intro('Work that goes on when this page is closed: single jobs, and files of many requests.'),
      element('section', {}, element('h2', {}, 'New batch'), form.node),
    ),
    element(
      'section',
      { class: 'results', 'aria-label': 'Jobs and batches', tabindex: -1 },
      problem,
      status,
      section('Jobs', jobs.node, olderJobs),
      section('Batches', batches.node, olderBatches),
      form.code,
    ),
  );
  addEventListener('hashchange', () => void openNamed());
  void (openedInAddress() === '' ? refresh() : openNamed());
}
