/** Result cards: one a target, each filled as soon as its own prediction is there. */
import type { GenerateResponse, Output, Progress } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { type Card, createCard } from './card.ts';
import type { Picture } from './given.ts';

export interface Results {
  /** Empty cards with progress bars, over the picture that boxes are drawn on. */
  start(targets: readonly Modality[], given: Picture | undefined): void;
  progress(progress: Progress): void;
  /** Fills the cards. */
  finish(response: Pick<GenerateResponse, 'outputs'>): void;
  /** Takes away the cards that were never filled. */
  abandon(): void;
}

export interface ResultsOptions {
  /** Everything that the model makes. */
  readonly modalities: readonly Modality[];
  /** Called when an output shall be an input. */
  readonly onUse: (modality: Modality, output: Output) => void;
  /** Called when a target is done, with how many are, of how many. */
  readonly onDone: (modality: Modality, done: number, of: number) => void;
}

/** Tall cards first, so that the rows of the grid stay even. */
const isTall = ({ presentation }: Modality): boolean =>
  presentation === 'boxes' || traitsOf(presentation).hasPlaces;

/** Keeps the cards inside `parent`. */
export function createResults(
  parent: HTMLElement,
  { modalities, onUse, onDone }: ResultsOptions,
): Results {
  let cards = new Map<string, Card>();
  /** Whether it is known what was asked for: then everything else was made on the way. */
  let isAsked = false;
  let picture: Picture | undefined;

  const cardFor = (modality: Modality, isVia: boolean): Card =>
    createCard(modality, {
      isVia,
      onUse: modality.input ? (output) => onUse(modality, output) : undefined,
    });

  /** The card of a target; one that leads to what was asked for has its card when it is first told of. */
  function find(target: string): readonly [Modality, Card] | undefined {
    const modality = modalities.find(
      ({ name, modalities: own }) => name === target || own.includes(target),
    );
    if (!modality) return undefined;
    const known = cards.get(modality.name);
    if (known) return [modality, known];
    const card = cardFor(modality, isAsked);
    cards.set(modality.name, card);
    parent.append(card.node);
    return [modality, card];
  }

  return {
    start(targets, given) {
      picture = given;
      isAsked = true;
      const ordered = [...targets.filter(isTall), ...targets.filter((target) => !isTall(target))];
      cards = new Map(ordered.map((target) => [target.name, cardFor(target, false)]));
      parent.replaceChildren(...[...cards.values()].map(({ node }) => node));
    },
    progress(progress) {
      const [modality, card] = find(progress.target) ?? [];
      if (!modality || !card) return;
      if (!progress.outputs) return card.progress(progress);
      card.fill(progress.outputs, picture);
      const done = [...cards.values()].filter((one) => one.isFilled()).length;
      onDone(modality, done, cards.size);
    },
    finish({ outputs }) {
      for (const [target, made] of Object.entries(outputs)) find(target)?.[1].fill(made, picture);
      for (const card of cards.values()) if (!card.isFilled()) card.leaveEmpty();
    },
    abandon() {
      for (const [target, card] of cards) {
        if (card.isFilled()) continue;
        card.node.remove();
        cards.delete(target);
      }
    },
  };
}
