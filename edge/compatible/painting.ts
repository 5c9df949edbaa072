/** What the loaded models paint from text: which of them, and pictures of which sizes. */
import type { Modality, Model } from '../../shared/api/models.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { namesOf, selectModel } from '../../shared/plan/names.ts';

/** A model that paints from text, and what it is asked for. */
export interface Painting {
  readonly model: Model;
  /** The picture, as an input and as the first target. */
  readonly picture: Modality;
  /** Targets of the request; the last one is the picture of the size. */
  readonly targets: readonly string[];
  /** In pixels. */
  readonly side: number;
}

const CAPTION = 'caption';

const readsText = ({ modalities }: Model): boolean =>
  modalities.some(
    ({ name, input, accepts }) => name === CAPTION && input && accepts.includes('text'),
  );

/** Pictures that a model paints itself, the one that it was trained on first. */
const picturesOf = ({ modalities }: Model): Modality[] =>
  modalities.filter(({ output, presentation }) => output && presentation === 'rgb');

const paints = (model: Model): boolean => readsText(model) && picturesOf(model).length > 0;

/** @throws FailureError `model_not_loaded`, `unknown_target` for one that does not paint from text */
function modelOf(name: string | undefined, models: readonly Model[]): Model {
  const painters = models.filter(paints);
  const model = name === undefined ? (painters[0] ?? models[0]) : undefined;
  const chosen = model ?? selectModel(name, models);
  if (paints(chosen)) return chosen;
  const others = painters.map(({ id }) => id).join(', ');
  const detail =
    `${chosen.id} paints no pictures from text: it takes ${namesOf(chosen, 'input')} and makes ` +
    `${namesOf(chosen, 'output') || 'nothing'}; ${others === '' ? 'no loaded model does' : `models that do are ${others}`}`;
  throw refusal('unknown_target', detail, pointerTo('model'));
}

/** Side in pixels -> targets, of the model's own pictures and of those that another model makes larger. */
function sizesOf(model: Model, models: readonly Model[]): Map<number, readonly string[]> {
  const sizes = new Map<number, readonly string[]>();
  const [own] = picturesOf(model);
  for (const candidate of [model, ...models]) {
    for (const { name, input_size } of picturesOf(candidate)) {
      if (input_size === null || sizes.has(input_size) || !own) continue;
      // The first picture conditions the larger one.
      const larger = candidate === model ? name : `${name.replace(/@\d+$/, '')}@${input_size}`;
      sizes.set(input_size, sizes.size === 0 ? [name] : [own.name, larger]);
    }
  }
  return sizes;
}

/**
 * @param name of the model; the first that paints from text when left out
 * @param size `auto`, or `WIDTHxHEIGHT`
 * @throws FailureError `model_not_loaded`, `unknown_target`; `invalid_target` for another size than there are
 */
export function paintingOf(
  { model: name, size = 'auto' }: { readonly model?: string; readonly size?: string },
  models: readonly Model[],
): Painting {
  const model = modelOf(name, models);
  const sizes = sizesOf(model, models);
  const [width, height] = size.split('x').map(Number);
  const [own] = sizes.keys();
  const side = size === 'auto' ? own : width;
  const targets = side === undefined ? undefined : sizes.get(side);
  const [picture] = picturesOf(model);
  const isSquare = size === 'auto' || width === height;
  if (side !== undefined && targets && picture && isSquare)
    return { model, picture, targets, side };
  const offered = [...sizes.keys()].map((one) => `${one}x${one}`).join(' or ');
  const detail = `${model.id} paints no pictures of ${size}: size must be auto or ${offered}`;
  throw refusal('invalid_target', detail, pointerTo('size'));
}
