/** The classify view: label a few pictures, fit a head to them, and test it on others. */
import { ADDRESSES } from '../../shared/api/addresses.ts';
import type { Head } from '../../shared/api/heads.ts';
import type { Model } from '../../shared/api/models.ts';
import { pointerSteps } from '../../shared/api/pointer.ts';
import { type Client, ProblemError } from '../../shared/client/index.ts';
import { showExample } from './command.ts';
import { button, element, intro } from './dom.ts';
import { exampleBody } from './exampleBody.ts';
import { createExamples, type Examples } from './examples.ts';
import { headCard, testCard } from './headReport.ts';
import { comeIntoView } from './intoView.ts';
import { pictureDrop } from './pictureDrop.ts';
import type { Picture } from './pictureField.ts';
import { afterReading } from './pictureFiles.ts';
import { showProblem } from './problems.ts';

export interface ClassifyView {
  readonly client: Client;
  readonly place: HTMLElement;
  readonly model: Model;
  /** Pictures to begin with. */
  readonly pictures: readonly Picture[];
}

/** Fields that belong together, under a title. */
const section = (title: string, ...children: readonly (Node | false)[]): HTMLElement =>
  element('section', {}, element('h2', {}, title), ...children);

function labelled(title: string, field: HTMLInputElement): HTMLElement {
  const label = element('label', { for: field.id }, title);
  return element('div', { class: 'field' }, label, field);
}

/** Classes of the example pictures: two of them show a box. */
const BOXES = ['scene-3.png', 'scene-4.png'];
const exampleClass = ({ name }: Picture): string => (BOXES.includes(name) ? 'box' : 'no box');

/** Names that some server has given, or a visitor has written: completed while one types. */
function suggestions(examples: Examples): HTMLDataListElement {
  const names = new Set(examples.read().map(({ label }) => label));
  const options = [...names].map((value) => element('option', { value }));
  return element('datalist', { id: 'labels' }, ...options);
}

export function openClassify({ client, place, model, pictures }: ClassifyView): void {
  const takesWords = model.modalities.some(({ name, input }) => name === 'caption' && input);
  const problem = element('div', { role: 'alert' });
  const status = element('p', { class: 'status', role: 'status', 'aria-live': 'polite' });
  const meter = element('progress', { max: 1, hidden: true });
  const report = element('div', { class: 'cards wide' });
  const tested = element('div', { class: 'cards' });
  const code = element('div');
  const name = element('input', { type: 'text', id: 'head-name', value: 'my-head', maxlength: 64 });
  const next = element('input', { type: 'text', id: 'next-label', maxlength: 200, list: 'labels' });
  const fit = element('button', { class: 'primary', type: 'submit', id: 'fit' }, 'Fit');
  const cancel = button('Cancel', () => running?.abort());
  cancel.hidden = true;
  let running: AbortController | undefined;
  let head: Head | undefined;
  let known = element('datalist', { id: 'labels' });

  const examples = createExamples(takesWords, update);
  const drop = pictureDrop('examples-files', 'Examples', () => {
    // The class of a picture is the one that stands there as it is chosen, however long it is read.
    const label = next.value;
    return (given) => examples.add(given, label);
  });
  const test = pictureDrop('test-files', 'Test', () => (given) => void classify(given));
  const samples = element('div', { class: 'examples' });
  if (pictures.length > 0)
    samples.append(
      button(
        `Begin with ${pictures.length} examples`,
        () => {
          for (const picture of pictures) examples.add([picture], exampleClass(picture));
        },
        'quiet',
      ),
    );
  const testing = section('Test', test.node);
  testing.hidden = true;

  function update(): void {
    const missing = examples.missing();
    fit.disabled = running !== undefined || missing !== '' || name.value === '';
    fit.title = missing;
    const renewed = suggestions(examples);
    known.replaceWith(renewed);
    known = renewed;
    if (!running && !head) status.textContent = missing && `${missing}.`;
  }

  function tell(failure: unknown): void {
    showProblem(problem, failure, undefined);
    if (!(failure instanceof ProblemError)) return;
    for (const { pointer, detail } of failure.problem.errors ?? []) {
      const [field, index] = pointerSteps(pointer);
      if (field === 'examples') examples.setError(Number(index), detail);
    }
  }

  /** Pictures that are chosen during a fit or a test are classified after it. */
  let last = Promise.resolve();
  function work(what: string, task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    last = last.then(() => run(what, task));
    return last;
  }

  async function run(what: string, task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    running = new AbortController();
    problem.replaceChildren();
    status.textContent = what;
    comeIntoView(results);
    cancel.hidden = false;
    update();
    try {
      await task(running.signal);
    } catch (failure) {
      status.textContent = running.signal.aborted ? 'Cancelled.' : '';
      if (!running.signal.aborted) tell(failure);
    } finally {
      running = undefined;
      cancel.hidden = true;
      meter.hidden = true;
      update();
    }
  }

  const fitNow = (): Promise<void> =>
    work('Looking at the examples …', async (signal) => {
      const given = examples.ask();
      const shown = examples.pictures();
      meter.value = 0;
      meter.hidden = false;
      head = await client.fitHead(
        { name: name.value, model: model.id, examples: given },
        {
          signal,
          onProgress: ({ target, step, steps, fraction }) => {
            meter.value = fraction;
            status.textContent = `${target}: ${step} of ${steps}`;
          },
        },
      );
      report.replaceChildren(headCard(head));
      showExample(code, {
        method: 'POST',
        path: ADDRESSES.fitHead.path,
        body: exampleBody({ name: head.name, examples: given }, shown),
      });
      status.textContent = `Fitted to ${given.length} examples of ${head.labels.length} classes.`;
      testing.hidden = false;
    });

  const classify = (given: readonly Picture[]): Promise<void> =>
    work('Classifying …', async (signal) => {
      if (!head) return;
      const items = given.map(({ url }) => ({ inputs: { rgb: url } }));
      const answer = await client.classify(
        { head: head.name, version: head.version, items, top_k: 5 },
        { signal },
      );
      const cards = given.flatMap((picture, i) => {
        const item = answer.items[i];
        return item ? [testCard(picture, item)] : [];
      });
      tested.prepend(...cards);
      showExample(code, {
        method: 'POST',
        path: ADDRESSES.classify.path,
        body: exampleBody({ head: head.name, items, top_k: 5 }, given),
      });
      status.textContent = `Classified ${cards.length} by ${head.name}.`;
    });

  const form = element(
    'form',
    { class: 'panel', novalidate: true, 'aria-label': 'Examples' },
    intro(
      'Teach the model classes of your own: label a few pictures, fit a classifier to them (a “head”), and try it on others.',
    ),
    section(
      'Label',
      labelled('Class of what is added next', next),
      drop.node,
      samples,
      examples.node,
      known,
    ),
    section(
      'Fit',
      labelled('Name of the head', name),
      element('div', { class: 'examples' }, fit, cancel),
    ),
    testing,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    afterReading(() => {
      if (!fit.disabled) void fitNow();
    });
  });
  name.addEventListener('input', update);
  const results = element(
    'section',
    { class: 'results', 'aria-label': 'Head and tests' },
    ...[problem, status, meter, report, tested, code],
  );
  place.replaceChildren(form, results);
  update();
}
