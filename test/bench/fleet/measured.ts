/**
 * How long runs of a 4M-B take, and what the fleet around them does. Everything says where it comes from: it was
 * measured (docs/performance.md names the command), or it is assumed, which the report repeats.
 */
import { CPU, type Device } from '../../../worker/session/devices.ts';

/** Pairs of a size and the time that it takes; between two of them the time is a straight line. */
export type Curve = readonly (readonly [size: number, milliseconds: number])[];

export interface DeviceTimes {
  readonly device: Device;
  readonly precision: 'fp16' | 'int8';
  /** Of a run that predicts a picture-like target (196 tokens seen, 196 predicted), by pictures. */
  readonly predict: Curve;
  /** Of a run that encodes pictures for sequences, by pictures. */
  readonly encode: Curve;
  /** Of one token of each sequence, by sequences. */
  readonly token: Curve;
  /** Of a piece of a sequence beyond its tokens, by sequences. */
  readonly piece: Curve;
  /** Dollars an hour of one worker. */
  readonly price: number;
  /** Seconds from the wish for a worker until it is ready. */
  readonly coldStart: number;
  readonly sources: Readonly<Record<string, string>>;
}

const H200 = 'measured on one NVIDIA H200, docs/performance.md "On a GPU"';
const XEON = 'measured on two threads of a Xeon with AMX, docs/performance.md';

export const TIMES: Readonly<Record<'cuda' | 'cpu', DeviceTimes>> = {
  cuda: {
    device: { kind: 'cuda', index: 0 },
    precision: 'fp16',
    predict: [
      [1, 19],
      [8, 35.5],
      [32, 105.7],
    ],
    encode: [
      [1, 43],
      [32, 715],
    ],
    token: [
      [1, 6.5],
      [32, 13.4],
    ],
    piece: [
      [1, 19],
      [32, 608],
    ],
    price: 4,
    coldStart: 90,
    sources: {
      predict: `${H200}: rgb -> depth in one step, fp16`,
      encode: `${H200}: a caption before its first token, fp32; captions in fp16 were not measured`,
      token: `${H200}: each further token of a caption, fp32; captions in fp16 were not measured`,
      piece: `${H200}: 19 ms more a piece of one caption; for several assumed to grow with their number`,
      price: 'assumed: dollars an hour of a machine with one such card',
      coldStart: 'assumed: a machine that is there, an image that it has, models from the store',
    },
  },
  cpu: {
    device: CPU,
    precision: 'int8',
    predict: [
      [1, 219],
      [8, 1752],
    ],
    encode: [
      [1, 123],
      [8, 984],
    ],
    token: [
      [1, 13.9],
      [2, 14.6],
      [8, 32.7],
      [32, 108.5],
    ],
    piece: [[1, 0]],
    price: 0.1,
    coldStart: 20,
    sources: {
      predict: `${XEON}: rgb -> depth in one step, int8; several are assumed to take as long as one by one`,
      encode: `${XEON}: features of a picture, int8; several are assumed to take as long as one by one`,
      token: `${XEON}: 256 tokens in 3.55 s, int8; gains of company as measured in fp32`,
      piece: 'assumed: nothing, since keys and values stay where they are',
      price: 'assumed: dollars an hour of two processors',
      coldStart: 'assumed: a machine that is there, an image that it has, models from the store',
    },
  },
};

/** The model of the measurements: what batching bounds depend on. */
export const MODEL = { parameters: 198e6, decoderDepth: 12, dim: 768 };

/** Seconds from the store's and the queue's answers, which are added to every job. Assumed. */
export const JOB_OVERHEAD_SECONDS = 0.15;

/** @param curve in rising order of size; beyond its end the last slope goes on */
export function timeOn(curve: Curve, size: number): number {
  const [first] = curve;
  if (first === undefined) throw new Error('a curve needs a point');
  let [before, after] = [first, first];
  for (const point of curve) {
    before = after;
    after = point;
    if (point[0] >= size) break;
  }
  if (after[0] === before[0]) return after[1];
  const slope = (after[1] - before[1]) / (after[0] - before[0]);
  return before[1] + (size - before[0]) * slope;
}
