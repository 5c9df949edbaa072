/** "Try it" of each operation: its fields, the request that they make, and what it is answered. */

import { fromBase64 } from '../../shared/base64.ts';
import type { Example, ExampleRequest } from '../examples/example.ts';
import { examplesOf } from '../examples/examples.ts';
import { LANGUAGES, requestOf } from '../examples/snippets.ts';
import { button, element } from '../playground/dom.ts';
import { showAnswer } from './answer.ts';
import { storedKey } from './key.ts';
import { sendable } from './send.ts';
import type { Tryable } from './tryable.ts';
import { type Filled, type OwnFiles, type TryForm, tryForm } from './tryForm.ts';

/** The answer is read as the type that is asked for. */
function answerOf(example: Example, headers: Filled['headers']): Example['answer'] {
  const { Accept: accept } = headers;
  if (accept === undefined || accept === example.headers?.Accept) return example.answer;
  if (accept === 'text/event-stream') return 'events';
  return accept === 'application/json' ? 'json' : { saveAs: 'answer' };
}

/** The example as the fields have it now. */
function asFilled(operation: Tryable, example: Example, filled: Filled): ExampleRequest {
  const { body, path, query, headers } = filled;
  const answer = answerOf(example, headers);
  const isAsShown = answer === example.answer && Object.keys(query).length === 0;
  const { client, answer: _, ...rest } = example;
  return requestOf(
    operation,
    {
      ...rest,
      path,
      query,
      headers,
      ...(body && { body }),
      ...(answer && { answer }),
      // The client's method has settings where a request has headers and a query.
      ...(client && (isAsShown || example.query) && { client }),
    },
    location.origin,
  );
}

function showSnippets(section: Element, index: number, request: ExampleRequest): void {
  const samples = section.querySelector(`.samples[data-example="${index}"]`);
  for (const { lang, write } of LANGUAGES) {
    const code = samples?.querySelector(`figure[data-language="${lang}"] code`);
    if (code) code.textContent = write(request);
  }
}

function build(section: Element, details: Element, id: string, operation: Tryable, own: OwnFiles) {
  const examples = examplesOf(id);
  const place = element('div', {});
  const answer = element('div', { class: 'answer' });
  const status = element('p', { role: 'status' });
  let index = 0;
  let form: TryForm;
  let running: AbortController | undefined;

  const show = (): void => {
    const example = examples[index];
    if (!example) return;
    form = tryForm(operation, example, own);
    place.replaceChildren(form.node);
  };
  const refresh = (): void => {
    const example = examples[index];
    if (!example) return;
    const filled = form.read();
    if (filled.fault === undefined)
      showSnippets(section, index, asFilled(operation, example, filled));
  };

  async function send(): Promise<void> {
    const example = examples[index];
    const filled = form.read();
    if (!example || filled.fault !== undefined) return;
    if (filled.missing.length > 0) {
      status.textContent = `Fill in ${filled.missing.join(' and ')} first`;
      return;
    }
    running?.abort();
    const controller = new AbortController();
    running = controller;
    stop.hidden = false;
    answer.replaceChildren();
    status.textContent = 'Sending';
    try {
      const request = asFilled(operation, example, filled);
      const { url, init } = await sendable(request, filled, storedKey());
      const started = performance.now();
      const response = await fetch(url, { ...init, signal: controller.signal });
      const seconds = ((performance.now() - started) / 1000).toFixed(2);
      status.textContent = `${response.status} ${response.statusText} after ${seconds} s`;
      await showAnswer(response, answer);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      status.textContent = controller.signal.aborted ? 'Stopped' : `No answer: ${reason}`;
    } finally {
      if (running === controller) stop.hidden = true;
    }
  }

  const stop = button('Stop', () => running?.abort());
  stop.hidden = true;
  const node = element('form', {});
  if (examples.length > 1) {
    const choice = element(
      'select',
      { 'aria-label': 'Example' },
      ...examples.map(({ title = '' }, i) => element('option', { value: i }, title)),
    );
    choice.addEventListener('change', () => {
      index = Number(choice.value);
      show();
    });
    node.append(element('p', { class: 'field' }, choice));
  }
  const submit = element('button', { type: 'submit', class: 'send' }, 'Send');
  node.noValidate = true;
  node.append(place, element('p', { class: 'row' }, submit, stop), status, answer);
  node.addEventListener('input', refresh);
  node.addEventListener('submit', (event) => {
    event.preventDefault();
    void send();
  });
  show();
  details.append(node);
}

/** Snippets ask the page's own server. */
function showOrigin(id: string, section: Element, operation: Tryable): void {
  examplesOf(id).forEach((example, i) => {
    showSnippets(section, i, requestOf(operation, example, location.origin));
  });
}

const blobOf = (base64: string): Blob => new Blob([fromBase64(base64)], { type: 'image/png' });

/** @param files names that examples have for files -> the pictures that stand for them, in base64 */
export function startTryIt(
  operations: Readonly<Record<string, Tryable>>,
  files: Readonly<Record<string, string>>,
): void {
  const own = new Map(Object.entries(files).map(([name, base64]) => [name, blobOf(base64)]));
  for (const details of document.querySelectorAll<HTMLElement>('details.try')) {
    const id = details.dataset.operation ?? '';
    const section = details.closest('section');
    const operation = operations[id];
    if (!section || !operation) continue;
    showOrigin(id, section, operation);
    details.addEventListener('toggle', () => build(section, details, id, operation, own), {
      once: true,
    });
  }
}
