/** The generate view: any inputs, any targets, run and shown; its state lies in the page's address. */
import type { GenerateResponse } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { type Client, ProblemError } from '../../shared/client/index.ts';
import { givenFrom } from './chain.ts';
import { showExample } from './command.ts';
import { byId, element } from './dom.ts';
import { exampleAnswer, exampleState } from './firstExample.ts';
import { type FormState, readLink, writeLink } from './formState.ts';
import { createGenerateForm } from './generateForm.ts';
import type { Picture } from './given.ts';
import { createHistory, type HistoryEntry } from './history.ts';
import { createHistoryStrip } from './historyStrip.ts';
import { comeIntoView } from './intoView.ts';
import { linkToWork } from './jobs.ts';
import { titleOf } from './labels.ts';
import { createLinkButton } from './linkButton.ts';
import { createPeek } from './peek.ts';
import { afterReading } from './pictureFiles.ts';
import { createPrice } from './price.ts';
import { showProblem } from './problems.ts';
import { entryOf } from './remember.ts';
import { exampleOf } from './request.ts';
import { createResults } from './results.ts';
import { namesOf, storedSummary, summary } from './runText.ts';
import { storedOnly } from './storedOnly.ts';
import { keepAnswer, keepPictures, keptAnswer, keptPicture } from './tabStore.ts';
import { isShown, linkOfView, writeAddress } from './tabs.ts';

export interface GenerateOptions {
  readonly client: Client;
  readonly model: Model;
  readonly isOneOfMany: boolean;
  readonly examples: readonly Picture[];
  /** Called when prices are in money. */
  readonly onCharged: () => void;
}

const VIEW = 'generate';

export function openGenerate(options: GenerateOptions): void {
  const { client, model, isOneOfMany, examples, onCharged } = options;
  const form = byId('form', HTMLFormElement);
  const runButton = byId('run', HTMLButtonElement);
  const jobButton = byId('run-job', HTMLButtonElement);
  const cancelButton = byId('cancel', HTMLButtonElement);
  const problem = byId('problem', HTMLElement);
  const status = byId('status', HTMLElement);
  const resultsPlace = byId('results', HTMLElement);
  const codePlace = byId('command', HTMLElement);
  const peek = createPeek(resultsPlace);
  let running: AbortController | undefined;
  let lastPictures = '';

  const results = createResults(byId('cards', HTMLElement), {
    modalities: model.modalities,
    onUse(modality, output) {
      current.inputs.give(modality.name, givenFrom(modality, output));
      current.inputs.focus(modality.name);
      status.textContent = `${titleOf(modality.name)} is an input now.`;
    },
    onDone(modality, done, of) {
      if (running) status.textContent = `${titleOf(modality.name)} is there: ${done} of ${of} …`;
    },
  });
  const price = createPrice(client, (answer) => {
    current.showPlan(answer);
    if (answer.usage.currency !== undefined) onCharged();
  });
  byId('price-place', HTMLElement).append(price.node);
  const current = createGenerateForm({
    ...{ model, isOneOfMany, examples },
    onChange: update,
    onPreset(preset) {
      if (!preset) return current.choose(undefined);
      const { inputs, model: name } = current.request();
      const asked = { inputs, preset, ...(name !== undefined && { model: name }) };
      // Another preset, or what is ticked meanwhile, is a later wish.
      const wish = (): string => String([current.state().preset, current.state().targets]);
      const before = wish();
      void client.dryRun(asked).then(
        ({ plan }) => wish() === before && current.choose(plan.map(({ target }) => target)),
        (failure) => wish() === before && showProblem(problem, failure, current.inputs),
      );
    },
  });
  const linkOf = (state: FormState): string => writeLink(state).toString();
  const first = exampleState(model, examples);
  const history = createHistory();
  const strip = createHistoryStrip(history, model.id, (entry) => void reopen(entry));
  byId('history', HTMLElement).append(strip.node);
  byId('share', HTMLElement).append(createLinkButton(client, () => current.state()));

  /** Only what can be asked for can be run; the button's title says what is missing. */
  function update(): void {
    const { inputs, chosen } = current.asked();
    const missing =
      inputs.length === 0
        ? 'Give a picture or a caption first'
        : chosen.length === 0
          ? 'Tick what to predict'
          : '';
    runButton.disabled = running !== undefined || missing !== '';
    runButton.title = missing;
    jobButton.disabled = missing !== '';
    if (missing !== '' && !running) status.textContent = `${missing}.`;
    price.ask(missing === '' ? current.request() : undefined);
    remember();
  }

  /** The address and the tab know what the form says. */
  function remember(): void {
    const state = current.state();
    const link = linkOf(state);
    writeAddress(VIEW, link === linkOf(first) ? '' : link);
    const pictures = Object.values(state.inputs)
      .map((given) =>
        'picture' in given ? `${given.picture.name}${given.picture.url.length}` : '',
      )
      .join();
    if (pictures === lastPictures) return;
    lastPictures = pictures;
    keepPictures(state);
  }

  const showSnippets = (asked = current.asked(), isJob = false): void =>
    showExample(codePlace, exampleOf(asked, isJob));

  function showWarnings({ warnings = [] }: GenerateResponse): void {
    problem.replaceChildren(
      ...warnings.map(({ detail }) => element('p', { class: 'warning' }, detail)),
    );
  }

  /** Shows an answer that was there before. */
  function show(response: GenerateResponse, title: string): void {
    end();
    results.start(current.asked().chosen, current.inputs.picture());
    results.finish(response);
    peek(response.outputs);
    showWarnings(response);
    showSnippets();
    status.textContent = storedSummary(title, response);
  }

  /** Seeds that the server drew are those of the answer. */
  const answered = (state: FormState, { seed }: GenerateResponse): FormState =>
    state.seed === 'random' ? { ...state, seed } : state;

  /** Ends what is under way: something else is shown now. */
  function end(): void {
    running?.abort();
    running = undefined;
    const hasFocus = document.activeElement === cancelButton;
    cancelButton.hidden = true;
    form.removeAttribute('aria-busy');
    update();
    if (hasFocus) runButton.focus();
  }

  /** @returns what went wrong, when the server said so */
  async function run(asker: Client = client): Promise<ProblemError | undefined> {
    end();
    const { chosen } = current.asked();
    const state = current.state();
    problem.replaceChildren();
    current.inputs.clearErrors();
    const abort = new AbortController();
    running = abort;
    const hadFocus = document.activeElement === runButton;
    runButton.disabled = true;
    cancelButton.hidden = false;
    if (hadFocus) cancelButton.focus();
    form.setAttribute('aria-busy', 'true');
    results.start(chosen, current.inputs.picture());
    status.textContent = `Predicting ${namesOf(chosen.map(({ name }) => name))} …`;
    showSnippets();
    comeIntoView(resultsPlace);
    const began = performance.now();
    let headers: Headers | undefined;
    try {
      const response = await asker.generate(
        { ...current.request(), previews: true },
        {
          signal: abort.signal,
          // The page's policy lets it load from nowhere else.
          inline: true,
          onProgress: (progress) => results.progress(progress),
          onHeaders: (received) => {
            headers = received;
            const wait = received.get('retry-after');
            if (wait !== null)
              status.textContent = `The server is busy: tried again in ${wait} s …`;
          },
        },
      );
      results.finish(response);
      peek(response.outputs);
      showWarnings(response);
      status.textContent = summary(response, (performance.now() - began) / 1000, headers);
      keepAnswer({ link: linkOf(state), response });
      history.add(await entryOf(answered(state, response), response));
      strip.refresh();
    } catch (failure) {
      if (running !== abort) return undefined;
      results.abandon();
      status.textContent = abort.signal.aborted ? 'Cancelled.' : '';
      if (!abort.signal.aborted) showFailure(failure, () => void run());
      return failure instanceof ProblemError ? failure : undefined;
    } finally {
      if (running === abort) end();
    }
    return undefined;
  }

  /** The same as a job, which goes on without this page. */
  async function runAsJob(): Promise<void> {
    problem.replaceChildren();
    current.inputs.clearErrors();
    jobButton.disabled = true;
    const asked = current.asked();
    try {
      const { id } = await client.jobs.submit('generate', {
        ...current.request(true),
        previews: true,
      });
      const link = element('a', { href: linkToWork(id) }, 'Watch it in Jobs');
      status.replaceChildren('It is a job now, which goes on when this page is closed. ', link);
      showSnippets(asked, true);
    } catch (failure) {
      showFailure(failure, () => void runAsJob());
    } finally {
      update();
    }
  }

  function showFailure(failure: unknown, onAgain: () => void): void {
    showProblem(problem, failure, current.inputs, onAgain);
    problem.scrollIntoView({ block: 'nearest' });
  }

  /** What was asked for earlier, with its answer where the server still has it. */
  async function reopen(entry: HistoryEntry): Promise<void> {
    const own = (field: string): Picture | undefined => entry.own[field];
    end();
    current.set(readLink(new URLSearchParams(entry.link), { examples, own }));
    if (runButton.disabled) {
      status.textContent = 'Its picture was too large to be kept. Give it again.';
      return;
    }
    const failure = await run(storedOnly);
    if (failure?.problem.code !== 'not_cached') return;
    problem.replaceChildren();
    status.textContent = 'The answer is no longer stored. Run makes it anew.';
  }

  /** Fills the form from the address; the first screen without one shows an example. */
  function restore(): void {
    const link = linkOfView(VIEW);
    const own = keptPicture;
    current.set(
      link === '' ? first : readLink(new URLSearchParams(link), { examples, own }),
      link === '',
    );
    const kept = link === '' ? undefined : keptAnswer(linkOf(current.state()));
    const example = link === '' ? exampleAnswer(model) : undefined;
    if (kept) show(kept, 'As before');
    else if (example) show(example.response, example.title);
    else if (!runButton.disabled) status.textContent = '';
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    afterReading(() => {
      if (!runButton.disabled && form.reportValidity()) void run();
    });
  });
  document.addEventListener('keydown', (event) => {
    if (!isShown(form)) return;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    if (event.key === 'Escape') running?.abort();
  });
  jobButton.addEventListener('click', () => {
    afterReading(() => {
      if (!jobButton.disabled && form.reportValidity()) void runAsJob();
    });
  });
  cancelButton.addEventListener('click', () => running?.abort());
  byId('clear', HTMLButtonElement).addEventListener('click', () => {
    current.inputs.clear();
    status.textContent = 'Nothing is given now.';
  });
  addEventListener('hashchange', () => {
    const link = linkOfView(VIEW);
    if (link === '') remember();
    else if (link !== linkOf(current.state())) restore();
  });
  restore();
}
