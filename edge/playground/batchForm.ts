/** A form for a file of requests, one a line. */
import { MOST_LINES } from '../../shared/api/batchLimits.ts';
import type { Client } from '../../shared/client/index.ts';
import { JOB_EXAMPLES } from '../examples/jobExamples.ts';
import { showExample } from './command.ts';
import { element } from './dom.ts';
import type { Guard } from './guard.ts';

export interface BatchFormEvents {
  readonly guard: Guard;
  readonly tell: (text: string) => void;
  /** Called with the batch that was made. */
  readonly onMade: (id: string) => Promise<void>;
}

export interface BatchForm {
  readonly node: HTMLElement;
  /** What does the same. */
  readonly code: HTMLElement;
}

const [EXAMPLE] = JOB_EXAMPLES.createBatch;

export function createBatchForm(
  client: Client,
  { guard, tell, onMade }: BatchFormEvents,
): BatchForm {
  const code = element('div');
  const file = element('input', { type: 'file', id: 'batch-file', accept: '.jsonl,.ndjson' });
  const webhook = element('input', {
    type: 'text',
    inputmode: 'url',
    id: 'batch-webhook',
    placeholder: 'https://…',
    spellcheck: 'false',
  });
  const send = element('button', { type: 'submit', class: 'primary', disabled: true }, 'Send');
  const showCode = (name: string): void =>
    showExample(
      code,
      { method: 'POST', path: '/v1/batches', file: { name, type: EXAMPLE.file.type } },
      'A batch in code',
    );
  file.addEventListener('change', () => {
    send.disabled = file.files?.length !== 1;
    showCode(file.files?.[0]?.name ?? EXAMPLE.file.name);
  });
  /** A file that has changed since it was chosen cannot be sent. @throws DOMException */
  async function readable(chosen: File): Promise<void> {
    try {
      await chosen.slice(0, 1).arrayBuffer();
    } catch (failure) {
      file.value = '';
      throw failure;
    }
  }
  const form = element(
    'form',
    { 'aria-label': 'New batch' },
    element('label', { for: file.id }, 'A file of requests, one a line'),
    file,
    element(
      'p',
      { class: 'hint' },
      `At most ${MOST_LINES.toLocaleString('en')} lines, each with custom_id, method, url and body.`,
    ),
    element(
      'details',
      {},
      element('summary', {}, 'What a line looks like'),
      element(
        'pre',
        { class: 'example-lines', tabindex: 0, role: 'region', 'aria-label': 'Example lines' },
        EXAMPLE.file.text.trimEnd(),
      ),
    ),
    element('label', { for: webhook.id }, 'Webhook, told at the end'),
    webhook,
    send,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const [chosen] = file.files ?? [];
    if (!chosen) return;
    send.disabled = true;
    tell(`Sending ${chosen.name} …`);
    const address = webhook.value.trim();
    let isMade = false;
    void guard(async () => {
      await readable(chosen);
      const options = address === '' ? {} : { webhook: address };
      const { id, request_counts } = await client.batches.create(chosen, options);
      isMade = true;
      const lines = request_counts.total === 1 ? '1 line is' : `${request_counts.total} lines are`;
      tell(`${lines} the batch ${id}.`);
      // Another file may have been chosen meanwhile.
      if (file.files?.[0] === chosen) form.reset();
      await onMade(id);
    }).then(() => {
      send.disabled = file.files?.length !== 1;
      if (!isMade) tell('');
    });
  });
  showCode(EXAMPLE.file.name);
  return { node: form, code };
}
