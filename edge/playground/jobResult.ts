/** What a job came to, as the view of its task shows it: cards of targets, vectors, classes, or a head. */
import type { ClassifyResponse } from '../../shared/api/classify.ts';
import type { EmbedResponse } from '../../shared/api/embed.ts';
import type { GenerateResponse, Progress } from '../../shared/api/generate.ts';
import type { Head } from '../../shared/api/heads.ts';
import type { ListedJob } from '../../shared/api/jobs.ts';
import type { Modality } from '../../shared/api/models.ts';
import { givenFrom } from './chain.ts';
import { element } from './dom.ts';
import { EMPTY_STATE, type FormState, writeLink } from './formState.ts';
import { classBars, headCard } from './headReport.ts';
import { titleOf } from './labels.ts';
import { createResults } from './results.ts';
import { resultSummary } from './runText.ts';
import { keepPictures } from './tabStore.ts';
import { vectorView } from './views.ts';

export interface JobResult {
  readonly node: HTMLElement;
  progress(progress: Progress): void;
  finish(result: unknown): void;
}

/** Opens the generate view with an output as its input. */
function useAsInput(modality: Modality, given: FormState['inputs'][string]): void {
  const state = { ...EMPTY_STATE, inputs: { [modality.name]: given } };
  keepPictures(state);
  location.hash = `#generate?${writeLink(state)}`;
}

function vectors({ items, target, dimensions }: EmbedResponse): Node[] {
  const what = target === undefined ? 'Features of the encoder' : titleOf(target);
  const shown = items.flatMap(({ embedding }) =>
    Array.isArray(embedding?.values) ? [vectorView(embedding.values)] : [],
  );
  const count = items.length === 1 ? '1 item' : `${items.length} items`;
  return [element('p', {}, `${what} of ${count}, ${dimensions} numbers each`), ...shown];
}

const classes = ({ items }: ClassifyResponse): Node[] => items.map(classBars);

/** @param modalities of every model that is served */
export function createJobResult(
  task: ListedJob['task'],
  modalities: readonly Modality[],
): JobResult {
  const cards = element('div', { class: 'cards' });
  const said = element('p', { class: 'hint' });
  const results = createResults(cards, {
    modalities,
    onUse: (modality, output) => useAsInput(modality, givenFrom(modality, output)),
    onDone: () => {},
  });
  const show = (nodes: readonly Node[]): void => cards.replaceChildren(...nodes);
  const finish: Readonly<Record<ListedJob['task'], (result: unknown) => void>> = {
    generate(result) {
      const response = result as GenerateResponse;
      results.finish(response);
      said.textContent = resultSummary(response);
    },
    embed: (result) => show(vectors(result as EmbedResponse)),
    classify: (result) => show(classes(result as ClassifyResponse)),
    fitHead: (result) => show([headCard(result as Head)]),
  };
  return {
    node: element('div', { class: 'job-result' }, said, cards),
    progress(progress) {
      if (task === 'generate') results.progress(progress);
    },
    finish: finish[task],
  };
}
