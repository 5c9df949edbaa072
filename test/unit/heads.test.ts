/** Fits of heads against the optima of independent solvers; gradients against finite differences. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  bestTemperature,
  calibrationError,
  likelihoodLoss,
  type Predictions,
} from '../../worker/heads/calibration.ts';
import { dealFolds, splitOf } from '../../worker/heads/folds.ts';
import { headLogits } from '../../worker/heads/head.ts';
import { largestOf, minimise } from '../../worker/heads/lbfgs.ts';
import { affine, layerNormed, standardisation } from '../../worker/heads/normalise.ts';
import {
  type Examples,
  logisticLoss,
  logitsOf,
  separates,
  softmax,
} from '../../worker/heads/objective.ts';
import { findsSeparation, fit, STRENGTHS } from '../../worker/heads/regression.ts';
import { confusionOf } from '../../worker/heads/report.ts';
import { HEAD_TASKS } from '../../worker/heads/threadTasks.ts';
import { solve } from '../../worker/tasks/fitHead.ts';
import { closeThreads } from '../../worker/threads/inThread.ts';
import { OWN_CASES } from '../support/cases.ts';

interface Optima {
  readonly problems: readonly {
    readonly name: string;
    readonly classes: number;
    readonly width: number;
    readonly rows: readonly (readonly number[])[];
    readonly truth: readonly number[];
    readonly fits: readonly {
      readonly l2: number;
      readonly loss: number;
      readonly weights: readonly number[];
    }[];
  }[];
  readonly calibration: {
    readonly classes: number;
    readonly logits: readonly (readonly number[])[];
    readonly truth: readonly number[];
    readonly temperature: number;
    readonly loss: number;
    readonly error: number;
    readonly uncalibrated_error: number;
  };
}
const optima = JSON.parse(readFileSync(join(OWN_CASES, 'heads/optima.json'), 'utf8')) as Optima;

const examplesOf = ({ rows, width, truth }: Optima['problems'][number]): Examples => ({
  rows: { data: Float64Array.from(rows.flat()), count: rows.length, width },
  classes: truth,
});
const mixed = (size: number): Float64Array =>
  Float64Array.from({ length: size }, (_, i) => Math.sin(3 * i + 1));

describe('multinomial logistic regression', () => {
  for (const problem of optima.problems) {
    for (const { l2, loss, weights } of problem.fits) {
      test(`${problem.name}, l2 ${l2}: the optimum is that of scipy and scikit-learn`, () => {
        const found = fit(examplesOf(problem), problem.classes, l2, 'kept');
        assert.ok(found.converged, `${found.iterations} iterations`);
        assert.ok(
          Math.abs(found.loss - loss) <= 1e-10 * Math.max(1, loss),
          `${found.loss} is not ${loss}`,
        );
        // Without a penalty, adding the same vector to the weights of all classes changes nothing.
        const centred = (values: ArrayLike<number>): number[] =>
          Array.from({ length: weights.length }, (_, i) => {
            const column = i % problem.width;
            const all = Array.from(
              { length: problem.classes },
              (_, k) => values[k * problem.width + column]!,
            );
            return values[i]! - all.reduce((a, b) => a + b, 0) / problem.classes;
          });
        const [own, theirs] = [centred(found.parameters), centred(weights)];
        const scale = Math.max(1, ...theirs.map(Math.abs));
        for (const [i, weight] of own.entries())
          assert.ok(
            Math.abs(weight - theirs[i]!) <= 2e-5 * scale,
            `weight ${i}: ${weight}, ${theirs[i]}`,
          );
      });
    }
  }

  test('probabilities sum to 1 whatever the logits are', () => {
    for (const most of [1, 1e6, 1e12, 1e20, -1e20]) {
      const logits = Float64Array.of(most, most, most - 1);
      softmax(logits);
      const sum = logits.reduce((all, own) => all + own, 0);
      assert.ok(Math.abs(sum - 1) < 1e-12, `${most}: ${sum}`);
    }
  });

  test('the gradient is that of finite differences', () => {
    const [problem] = optima.problems;
    const loss = logisticLoss(examplesOf(problem!), problem!.classes, 0.03);
    const point = mixed(problem!.classes * (problem!.width + 1));
    const { gradient } = loss(point);
    const step = 1e-6;
    for (const i of point.keys()) {
      const moved = (by: number): number => loss(point.map((v, k) => (k === i ? v + by : v))).value;
      const slope = (moved(step) - moved(-step)) / (2 * step);
      assert.ok(Math.abs(gradient[i]! - slope) <= 1e-8, `${i}: ${gradient[i]}, ${slope}`);
    }
  });

  test('classes that a hyperplane parts are noticed early, others are not called so', () => {
    const [overlapping, , few] = optima.problems;
    // Twelve examples of twenty features: always separable.
    assert.equal(findsSeparation(examplesOf(few!), few!.classes), true);
    assert.equal(findsSeparation(examplesOf(overlapping!), overlapping!.classes), false);
    const examples = examplesOf(few!);
    let evaluations = 0;
    const loss = logisticLoss(examples, few!.classes, 1e-6);
    const { end } = minimise(
      (point) => {
        evaluations++;
        return loss(point);
      },
      new Float64Array(few!.classes * (few!.width + 1)),
      {
        tolerance: 1e-8,
        iterations: 500,
        isEnough: ({ point }) => separates(point, examples, few!.classes),
      },
    );
    assert.equal(end, 'enough');
    assert.ok(evaluations < 30, `${evaluations} evaluations`);
  });
});

describe('L-BFGS', () => {
  test('finds the bottom of a long bent valley', () => {
    // Rosenbrock's function in ten variables; its minimum is 0 at (1, ..., 1).
    const valley = (x: Float64Array) => {
      let value = 0;
      const gradient = new Float64Array(x.length);
      for (let i = 0; i + 1 < x.length; i++) {
        const [a, b] = [x[i]!, x[i + 1]!];
        value += 100 * (b - a * a) ** 2 + (1 - a) ** 2;
        gradient[i] = gradient[i]! - 400 * a * (b - a * a) - 2 * (1 - a);
        gradient[i + 1] = gradient[i + 1]! + 200 * (b - a * a);
      }
      return { value, gradient };
    };
    const { point, end } = minimise(valley, new Float64Array(10), {
      tolerance: 1e-9,
      iterations: 500,
    });
    assert.equal(end, 'converged');
    assert.ok(largestOf(point.map((v) => v - 1)) < 1e-7);
  });
});

describe('calibration', () => {
  const { classes, logits, truth, ...expected } = optima.calibration;
  const predictions: Predictions = { logits: Float64Array.from(logits.flat()), classes, truth };

  test('temperature, loss and error are those of scipy and numpy', () => {
    const temperature = bestTemperature(predictions);
    assert.ok(Math.abs(temperature - expected.temperature) < 1e-3, `${temperature}`);
    assert.ok(Math.abs(likelihoodLoss(predictions, temperature) - expected.loss) < 1e-8);
    assert.ok(
      Math.abs(calibrationError(predictions, expected.temperature) - expected.error) < 1e-9,
    );
    assert.ok(Math.abs(calibrationError(predictions) - expected.uncalibrated_error) < 1e-9);
  });

  test('predictions that are all right say nothing of a temperature', () => {
    const right = { logits: Float64Array.from([2, 1, 0, 3]), classes: 2, truth: [0, 1] };
    assert.equal(bestTemperature(right), 1);
  });

  test('the report counts what was taken for what', () => {
    // Three predictions: right, a taken for b, right.
    const few = { logits: Float64Array.from([2, 1, 0, 1, 0, 3]), classes: 2, truth: [0, 0, 1] };
    const { matrix, accuracy, classes: each } = confusionOf(few, ['a', 'b']);
    assert.deepEqual(matrix, [
      [1, 1],
      [0, 1],
    ]);
    assert.equal(accuracy, 2 / 3);
    assert.deepEqual(each, [
      { label: 'a', support: 2, precision: 1, recall: 0.5, f1: 2 / 3 },
      { label: 'b', support: 1, precision: 0.5, recall: 1, f1: 2 / 3 },
    ]);
  });
});

describe('a fit in parts', () => {
  test('folds hold out every example once, and each has its share of every class', () => {
    const classes = Array.from({ length: 40 }, (_, i) => i % 4);
    const dealt = dealFolds(classes, 5, 3);
    const held = [0, 1, 2, 3, 4].flatMap((fold) => splitOf(dealt, fold).held);
    assert.deepEqual(
      held.toSorted((a, b) => a - b),
      [...classes.keys()],
    );
    for (const fold of [0, 1, 2, 3, 4]) {
      const own = splitOf(dealt, fold).held.map((index) => classes[index]);
      assert.deepEqual(new Set(own).size, 4);
    }
    assert.deepEqual(dealFolds(classes, 5, 3), dealt);
    assert.notDeepEqual(dealFolds(classes, 5, 4), dealt);
  });

  test('a head sees features as its fit saw them', () => {
    const [problem] = optima.problems;
    const examples = examplesOf(problem!);
    const { weights } = HEAD_TASKS.fitAll({ examples, classes: problem!.classes, l2: 0.01 });
    const normed = layerNormed(examples.rows);
    const rows = affine(normed, standardisation(normed));
    assert.deepEqual(
      headLogits(weights, examples.rows),
      logitsOf(weights.linear, rows, problem!.classes),
    );
    const alone = { ...examples.rows, data: examples.rows.data.slice(0, problem!.width), count: 1 };
    assert.deepEqual(
      headLogits(weights, alone),
      headLogits(weights, examples.rows).slice(0, problem!.classes),
    );
  });

  test('that nobody waits for any more stops', async () => {
    const [count, width, classes] = [300, 200, 8];
    const rows = { data: mixed(count * width), count, width };
    const truth = Array.from({ length: count }, (_, i) => i % classes);
    const labels = [...new Set(truth)].map(String);
    const abort = new AbortController();
    const reason = new Error('the caller has gone');
    const told: string[] = [];
    const work = solve(
      { examples: { rows, classes: truth }, labels, request: { folds: 5, seed: 0 } },
      {
        signal: abort.signal,
        onProgress: ({ target }) => {
          told.push(target);
          abort.abort(reason);
        },
      },
    );
    await assert.rejects(work, reason);
    assert.deepEqual(told, ['separability']);
    await closeThreads();
  });

  test('a fold is judged by what it has not seen', () => {
    const [problem] = optima.problems;
    const examples = examplesOf(problem!);
    const dealt = dealFolds(examples.classes, 4, 0);
    const fold = { examples, classes: problem!.classes, dealt, fold: 1, strengths: STRENGTHS };
    const before = HEAD_TASKS.fitFold(fold);
    // Other values of what is held out change its own logits, and nothing else that could be seen here.
    const { held } = splitOf(dealt, 1);
    const truth = examples.classes.map((own, i) => (held.includes(i) ? (own + 1) % 3 : own));
    const after = HEAD_TASKS.fitFold({ ...fold, examples: { ...examples, classes: truth } });
    assert.deepEqual(after, before);
  });
});
