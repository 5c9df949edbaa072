/** The playground: asks the server for its models, and opens the views that it has. */
import type { Model } from '../../shared/api/models.ts';
import { createClient, ProblemError } from '../../shared/client/index.ts';
import { itemAt } from '../../shared/lookup.ts';
import { openClassify } from './classify.ts';
import { byId, element } from './dom.ts';
import { openGenerate } from './generate.ts';
import type { Picture } from './given.ts';
import { openJobs } from './jobs.ts';
import { startKeyField, storedKey } from './key.ts';
import { chosenModel, modelSelector } from './models.ts';
import { showProblem } from './problems.ts';
import { openRetrieve } from './retrieve.ts';
import { startTabs, type View } from './tabs.ts';
import { openUsage } from './usage.ts';

/** Put in by build.mjs; empty when the repository has no examples. */
declare const EXAMPLE_PICTURES: readonly Picture[];

const client = createClient({ baseUrl: location.origin, apiKey: storedKey });

function modelLine(model: Model, models: readonly Model[]): (Node | string)[] {
  const millions = (model.parameters / 1e6).toFixed(model.parameters < 1e8 ? 1 : 0);
  const facts = `${millions} M parameters, ${model.precision}`;
  const title = `Parameters of its tokenizers included. Digest ${model.digest}`;
  return [
    models.length > 1 ? modelSelector(model, models) : element('strong', {}, model.id),
    element('span', { class: 'licence' }, model.licence),
    element('span', { class: 'hint', title }, facts),
  ];
}

/** @param onCharged called when the server turns out to charge */
function viewsOf(model: Model, models: readonly Model[], onCharged: () => void): View[] {
  const isOneOfMany = models.length > 1;
  const examples = EXAMPLE_PICTURES;
  const placeOf = (name: string): HTMLElement => byId(`view-${name}`, HTMLElement);
  const view = (name: string, title: string, open: (place: HTMLElement) => void): View => {
    const place = placeOf(name);
    return { name, title, place, open: () => open(place) };
  };
  return [
    view('generate', 'Generate', () =>
      openGenerate({ client, model, isOneOfMany, examples, onCharged }),
    ),
    view('classify', 'Classify', (place) =>
      openClassify({ client, place, model, pictures: examples }),
    ),
    view('retrieve', 'Retrieve', (place) => openRetrieve({ place, client, model, examples })),
    view('jobs', 'Jobs', (place) => openJobs(place, client, models)),
    {
      ...view('usage', 'Usage', (place) => openUsage(place, client)),
      // A server that charges nothing has none.
      isHidden: true,
    },
  ];
}

async function start(): Promise<void> {
  try {
    const { models } = await client.models();
    startKeyField(false);
    const served = models.find(({ id }) => id === chosenModel()) ?? itemAt(models, 0, 'models');
    byId('model', HTMLElement).replaceChildren(...modelLine(served, models));
    const views = viewsOf(served, models, () => tabs.reveal('usage'));
    const tabs = startTabs(byId('tabs', HTMLElement), views);
    document.documentElement.dataset.ready = 'true';
  } catch (failure) {
    const isKeyAsked = failure instanceof ProblemError && failure.problem.status === 401;
    startKeyField(isKeyAsked);
    byId('model', HTMLElement).textContent = isKeyAsked
      ? 'This server asks for a key. Whoever runs it makes one: npm run keys -- create'
      : 'No model answers';
    // Nothing has failed for who was not asked yet.
    if (isKeyAsked && storedKey() === undefined) byId('view-generate', HTMLElement).hidden = true;
    else showProblem(byId('problem', HTMLElement), failure, undefined);
  }
}

void start();
