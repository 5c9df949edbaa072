/** The playground: asks the model what it can do, builds the form from that, and runs requests. */
import type { GenerateRequestBody, GenerateResponse } from '../../shared/api/generate.ts';
import type { Modality, Model } from '../../shared/api/models.ts';
import { createClient, ProblemError } from '../../shared/client/index.ts';
import { itemAt } from '../../shared/lookup.ts';
import { openClassify } from './classify.ts';
import { showCommand } from './command.ts';
import { curlCommand } from './curl.ts';
import { byId, element } from './dom.ts';
import { createInputs, type Inputs } from './inputs.ts';
import { openJobs } from './jobs.ts';
import { startKeyField, storedKey } from './key.ts';
import { groupOf, titleOf } from './labels.ts';
import { chosenModel, modelSelector } from './models.ts';
import type { Picture } from './pictureField.ts';
import { showProblem } from './problems.ts';
import { createResults } from './results.ts';
import { openRetrieve } from './retrieve.ts';
import { isShown, startTabs } from './tabs.ts';
import { createSettings, createTargets, type Settings, type Targets } from './targets.ts';

/** Put in by build.mjs; empty when the repository has no examples. */
declare const EXAMPLE_PICTURES: readonly Picture[];

const client = createClient({ baseUrl: location.origin, apiKey: storedKey });
const form = byId('form', HTMLFormElement);
const runButton = byId('run', HTMLButtonElement);
const cancelButton = byId('cancel', HTMLButtonElement);
const problemPlace = byId('problem', HTMLElement);
const statusPlace = byId('status', HTMLElement);
const commandPlace = byId('command', HTMLElement);
const results = createResults(byId('cards', HTMLElement));

interface Form {
  /** Named in requests where several models are served. */
  readonly model: string | undefined;
  readonly inputs: Inputs;
  readonly targets: Targets;
  readonly settings: { read(): Settings };
}

/** What is asked for now, as the API takes it and as curl would say it. */
function readRequest({ model, inputs, targets, settings }: Form) {
  const given = inputs.values();
  const { seed, chained, numSamples, perTarget } = settings.read();
  const chosen = targets.chosen();
  const settled = chosen.map(({ name, type }) => {
    const { steps, ...rest } = perTarget;
    return { modality: name, ...(type === 'img' && steps !== undefined && { steps }), ...rest };
  });
  const common = { ...(model !== undefined && { model }), ...(seed !== undefined && { seed }) };
  const body: GenerateRequestBody = {
    inputs: given.body,
    targets: settled,
    chained,
    num_samples: numSamples,
    ...common,
  };
  const only = chosen.length === 1 && numSamples === 1 ? chosen[0] : undefined;
  const command = curlCommand({
    origin: location.origin,
    inputs: given.curl,
    targets: settled,
    chained,
    numSamples,
    ...common,
    ...(only && groupOf(only) === 'Pictures' && { pictureOf: only.name }),
  });
  return { body, chosen, command, picture: inputs.picture() };
}

function modelLine(model: Model, models: readonly Model[]): (Node | string)[] {
  const millions = (model.parameters / 1e6).toFixed(model.parameters < 1e7 ? 1 : 0);
  const facts = [
    `${millions} M parameters`,
    model.precision,
    `digest ${model.digest.slice(0, 12)}`,
  ];
  return [
    models.length > 1 ? modelSelector(model, models) : element('strong', {}, model.id),
    element('span', { class: 'licence' }, model.licence),
    element('span', { class: 'hint' }, facts.join(' · ')),
    ...(model.knows ? [element('span', { class: 'hint' }, `knows ${model.knows.world}`)] : []),
  ];
}

const cacheWord = (headers: Headers | undefined): string => {
  const status = headers?.get('cache-status') ?? '';
  return /;\s*hit\b/.test(status) ? 'from the cache' : status === '' ? '' : 'computed now';
};

function summary(
  response: GenerateResponse,
  seconds: number,
  headers: Headers | undefined,
): string {
  const { encoder_passes, decoder_passes, generated_tokens } = response.usage;
  return [
    `Done in ${seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`}`,
    cacheWord(headers),
    ...Object.entries(response.via ?? {}).map(
      ([target, names]) => `${titleOf(target)} by way of ${names.map(titleOf).join(', ')}`,
    ),
    `seed ${response.seed}`,
    `${encoder_passes} encoder and ${decoder_passes} decoder passes, ${generated_tokens} tokens`,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

let running: AbortController | undefined;

async function run(current: Form): Promise<void> {
  if (running) return;
  const { body, chosen, command, picture } = readRequest(current);
  problemPlace.replaceChildren();
  current.inputs.clearErrors();
  const abort = new AbortController();
  running = abort;
  runButton.disabled = true;
  cancelButton.hidden = false;
  form.setAttribute('aria-busy', 'true');
  results.start(chosen);
  statusPlace.textContent = `Predicting ${chosen.map(({ name }) => titleOf(name).toLowerCase()).join(', ')} …`;
  showCommand(commandPlace, command);
  const began = performance.now();
  let headers: Headers | undefined;
  try {
    const response = await client.generate(body, {
      signal: abort.signal,
      // The page's policy lets it load from nowhere else.
      inline: true,
      onProgress: (progress) => results.progress(progress),
      onHeaders: (received) => {
        headers = received;
      },
    });
    results.finish(response, picture);
    problemPlace.replaceChildren(
      ...(response.warnings ?? []).map(({ detail }) => element('p', { class: 'warning' }, detail)),
    );
    statusPlace.textContent = summary(response, (performance.now() - began) / 1000, headers);
  } catch (failure) {
    results.abandon();
    statusPlace.textContent = abort.signal.aborted ? 'Cancelled.' : '';
    if (!abort.signal.aborted) {
      showProblem(problemPlace, failure, current.inputs);
      problemPlace.scrollIntoView({ block: 'nearest' });
    }
  } finally {
    running = undefined;
    cancelButton.hidden = true;
    form.removeAttribute('aria-busy');
    update(current);
  }
}

/** Only what can be asked for can be run; the button's title says what is missing. */
function update(current: Form): void {
  current.targets.withhold(current.inputs.values().body);
  const { body, chosen } = readRequest(current);
  const missing =
    Object.keys(body.inputs).length === 0
      ? 'Give a picture or a caption first'
      : chosen.length === 0
        ? 'Tick what to predict'
        : '';
  runButton.disabled = running !== undefined || missing !== '';
  runButton.title = missing;
  if (!running && statusPlace.textContent === '')
    statusPlace.textContent = missing && `${missing}.`;
}

function buildForm(model: string | undefined, modalities: readonly Modality[]): Form {
  const onChange = (): void => {
    if (built) update(built);
  };
  let built: Form | undefined;
  const inputs = createInputs(byId('inputs', HTMLElement), modalities, EXAMPLE_PICTURES, onChange);
  const targets = createTargets(byId('targets', HTMLElement), modalities, onChange);
  const settings = createSettings(byId('settings', HTMLElement), onChange);
  built = { model, inputs, targets, settings };
  return built;
}

async function start(): Promise<void> {
  try {
    const { models } = await client.models();
    startKeyField(false);
    const served = models.find(({ id }) => id === chosenModel()) ?? itemAt(models, 0, 'models');
    byId('model', HTMLElement).replaceChildren(...modelLine(served, models));
    const current = buildForm(models.length > 1 ? served.id : undefined, served.modalities);
    update(current);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!runButton.disabled && form.reportValidity()) void run(current);
    });
    document.addEventListener('keydown', (event) => {
      if (!isShown(form)) return;
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
      if (event.key === 'Escape') running?.abort();
    });
    cancelButton.addEventListener('click', () => running?.abort());
    const classifyPlace = byId('view-classify', HTMLElement);
    startTabs(byId('tabs', HTMLElement), [
      { name: 'generate', title: 'Generate', place: byId('view-generate', HTMLElement) },
      {
        name: 'classify',
        title: 'Classify',
        place: classifyPlace,
        open: () =>
          openClassify({
            client,
            place: classifyPlace,
            model: served,
            pictures: EXAMPLE_PICTURES,
          }),
      },
      {
        name: 'retrieve',
        title: 'Retrieve',
        place: byId('view-retrieve', HTMLElement),
        open: () => {
          const place = byId('view-retrieve', HTMLElement);
          openRetrieve({ place, client, model: served, examples: EXAMPLE_PICTURES });
        },
      },
      {
        name: 'jobs',
        title: 'Jobs',
        place: byId('view-jobs', HTMLElement),
        open: () => openJobs(byId('view-jobs', HTMLElement), client),
      },
    ]);
    document.documentElement.dataset.ready = 'true';
  } catch (failure) {
    const isKeyAsked = failure instanceof ProblemError && failure.problem.status === 401;
    startKeyField(isKeyAsked);
    byId('model', HTMLElement).textContent = isKeyAsked
      ? 'This server asks for a key'
      : 'No model answers';
    showProblem(problemPlace, failure, undefined);
  }
}

void start();
