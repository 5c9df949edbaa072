/** A batch as a row: how many of its lines are answered, its files, and what its webhook was told when it is opened. */
import type { Batch } from '../../shared/api/batches.ts';
import type { Client } from '../../shared/client/index.ts';
import { createDeliveries } from './deliveries.ts';
import { element } from './dom.ts';
import { fileLink } from './fileLink.ts';
import type { Guard } from './guard.ts';
import { timeOf } from './times.ts';
import { createWorkRow } from './workRow.ts';

export interface BatchRow {
  readonly node: HTMLElement;
  /** Shows how the batch stands now. */
  update(batch: Batch): void;
  open(): void;
}

export interface BatchRowOptions {
  readonly client: Client;
  readonly guard: Guard;
  readonly onCancel: () => void;
  readonly onToggle: (isOpen: boolean) => void;
}

const ENDS: readonly Batch['status'][] = ['completed', 'failed', 'expired', 'cancelled'];
export const isOpenBatch = ({ status }: Batch): boolean => !ENDS.includes(status);

const TIMES = {
  in_progress_at: 'begun',
  completed_at: 'completed',
  failed_at: 'failed',
  expired_at: 'expired',
  cancelled_at: 'cancelled',
} as const;

/** When it came how far. */
function times(batch: Batch): HTMLElement[] {
  const fields = batch as unknown as Readonly<Record<string, unknown>>;
  return Object.entries(TIMES).flatMap(([field, title]) => {
    const seconds = fields[field];
    if (typeof seconds !== 'number') return [];
    return [element('p', { class: 'hint' }, `${title} `, timeOf(new Date(seconds * 1000)))];
  });
}

export function createBatchRow(first: Batch, options: BatchRowOptions): BatchRow {
  const { client, guard, onCancel, onToggle } = options;
  const { id, endpoint } = first;
  const deliveries = createDeliveries(client, id, guard);
  const history = element('div');
  const row = createWorkRow({
    id,
    title: endpoint ? `Batch of ${endpoint}` : 'Batch',
    made: new Date(first.created_at * 1000),
    more: element('div', { class: 'job-more' }, history, deliveries.node),
    onCancel,
    onToggle(isOpen) {
      if (isOpen) void guard(deliveries.refresh, true);
      onToggle(isOpen);
    },
  });
  return {
    node: row.node,
    open: row.open,
    update(batch) {
      const { status, request_counts: counts, output_url: output, errors_url: errors } = batch;
      const { total, completed, failed } = counts;
      row.show({
        status,
        isOpen: isOpenBatch(batch),
        done: (completed + failed) / Math.max(1, total),
        details: [
          `${completed} of ${total} lines answered${failed > 0 ? `, ${failed} failed` : ''}`,
          batch.errors && `: ${batch.errors.message}`,
        ],
        links: [
          ...(output && completed > 0 ? [fileLink(output, 'Output', `${id}.output.jsonl`)] : []),
          ...(errors && failed > 0 ? [fileLink(errors, 'Errors', `${id}.errors.jsonl`)] : []),
        ],
        canCancel: status === 'validating' || status === 'in_progress',
      });
      history.replaceChildren(...times(batch));
      if (row.isOpen()) void guard(deliveries.refresh, true);
    },
  };
}
