/** What is done for heads away from the event loop: every part of a fit, and the reading of files. */

import type { FitReport } from '../../shared/api/heads.ts';
import { itemAt } from '../../shared/lookup.ts';
import {
  bestTemperature,
  calibrationError,
  likelihoodLoss,
  type Predictions,
} from './calibration.ts';
import { drawConfusion } from './confusion.ts';
import { readHead } from './file.ts';
import { splitOf } from './folds.ts';
import type { HeadWeights } from './head.ts';
import { affine, layerNormed, standardisation } from './normalise.ts';
import { type Examples, logitsOf, type Rows } from './objective.ts';
import { type Fit, findsSeparation, fit } from './regression.ts';
import { confusionOf } from './report.ts';

export interface Fitting {
  /** As the model gives them. */
  readonly examples: Examples;
  readonly classes: number;
}

const picked = ({ data, width }: Rows, indices: readonly number[]): Rows => {
  const rows = new Float64Array(indices.length * width);
  for (const [row, index] of indices.entries())
    rows.set(data.subarray(index * width, (index + 1) * width), row * width);
  return { data: rows, count: indices.length, width };
};

const classesAt = (classes: readonly number[], indices: readonly number[]): number[] =>
  indices.map((index) => itemAt(classes, index, 'classes of examples'));

/** Whether a hyperplane was found that parts the classes. */
function findSeparation({ examples, classes }: Fitting): boolean {
  const normed = layerNormed(examples.rows);
  const rows = affine(normed, standardisation(normed));
  return findsSeparation({ ...examples, rows }, classes);
}

/** Logits (held out, C) of one fold, for each strength. */
function fitFold({
  examples,
  classes,
  dealt,
  fold,
  strengths,
}: Fitting & {
  readonly dealt: readonly number[];
  readonly fold: number;
  readonly strengths: readonly number[];
}): Float64Array[] {
  const { learnt, held } = splitOf(dealt, fold);
  const normed = layerNormed(examples.rows);
  const learning = picked(normed, learnt);
  const standard = standardisation(learning);
  const own = { rows: affine(learning, standard), classes: classesAt(examples.classes, learnt) };
  const others = affine(picked(normed, held), standard);
  let before: Fit | undefined;
  return strengths.map((l2) => {
    before = fit(own, classes, l2, 'compared', before?.parameters);
    return logitsOf(before.parameters, others, classes);
  });
}

/** The head of all examples, its logits not yet divided by a temperature. */
function fitAll({ examples, classes, l2 }: Fitting & { readonly l2: number }): {
  weights: HeadWeights;
  fit: Omit<Fit, 'parameters'>;
} {
  const normed = layerNormed(examples.rows);
  const norm = standardisation(normed);
  const rows = affine(normed, norm);
  const { parameters, ...found } = fit({ ...examples, rows }, classes, l2, 'kept');
  const { width } = rows;
  return { weights: { norm, linear: parameters, classes, width }, fit: found };
}

/** What held-out predictions at one strength come to. */
function judgeStrength(predictions: Predictions): { loss: number; accuracy: number } {
  const { accuracy } = confusionOf(predictions, new Array<string>(predictions.classes).fill(''));
  return { loss: likelihoodLoss(predictions), accuracy };
}

/** What held-out predictions say of the head that was chosen. */
async function judge({
  predictions,
  labels,
}: {
  readonly predictions: Predictions;
  readonly labels: readonly string[];
}): Promise<Pick<FitReport, 'held_out' | 'temperature' | 'classes' | 'confusion'>> {
  const temperature = bestTemperature(predictions);
  const { matrix, accuracy, classes } = confusionOf(predictions, labels);
  return {
    held_out: {
      accuracy,
      loss: likelihoodLoss(predictions, temperature),
      calibration_error: calibrationError(predictions, temperature),
      uncalibrated_error: calibrationError(predictions),
    },
    temperature,
    classes: [...classes],
    confusion: { matrix: matrix.map((row) => [...row]), image: await drawConfusion(matrix) },
  };
}

export const HEAD_TASKS = {
  findSeparation,
  fitFold,
  fitAll,
  judgeStrength,
  judge,
  readHead,
} as const;
