/** What a comparison found, output by output, and how it is printed. */
import { itemAt } from '../../shared/lookup.ts';
import type { Manifest } from '../../shared/model/manifest.ts';
import { argmax } from '../engine/sampling.ts';
import type { FloatTensor, IntTensor } from '../session/types.ts';
import { leadingPart, relativeError, rowOf, sizeOf } from './tensors.ts';

/** Of an output's largest expected value, for one run of a graph. */
export const TOLERANCE = 1e-4;
/** The same for a decode of many diffusion steps. */
export const DECODE_TOLERANCE = 1e-3;
/**
 * The same where noise is predicted: the first step divides by what little signal is left. Of the reference's
 * case a difference of 1e-6 in each prediction becomes one of 1.3e-3 in the decode, where it becomes 1.3e-5 with
 * predictions of the sample. Processors differ in float32 by more than that.
 */
export const NOISE_DECODE_TOLERANCE = 1e-2;

export interface Finding {
  readonly output: string;
  /** Largest difference relative to the largest expected value, or how many ids differ; null where shapes do. */
  readonly error: number | null;
  readonly unit: 'relative' | 'ids';
  /** Null for ids, which have to be the same, and below fp32, where no tolerance is set. */
  readonly tolerance: number | null;
  readonly passed: boolean;
  readonly verdict: string;
  readonly note: string;
}

export interface ValueOptions {
  readonly tolerance?: number;
  /** Values over a vocabulary, of which the largest is picked: below fp32 its agreement is told. */
  readonly logits?: boolean;
  /** Whether the expected tensor may hold the first entries only along its axes. */
  readonly partial?: boolean;
  readonly note?: string;
}

export interface Report {
  values(output: string, actual: FloatTensor, expected: FloatTensor, options?: ValueOptions): void;
  ids(output: string, actual: IntTensor, expected: IntTensor): void;
  /** An expected output that the model should have and has not. */
  missing(output: string, reason: string): void;
  /** Something to know that is neither right nor wrong. */
  remark(text: string): void;
  readonly findings: readonly Finding[];
  readonly remarks: readonly string[];
}

/** Below fp32 only shapes and finite values are held against a model. */
export function createReport(precision: Manifest['precision']): Report {
  const findings: Finding[] = [];
  const remarks: string[] = [];
  const exact = precision === 'fp32';
  const add = (finding: Omit<Finding, 'verdict' | 'unit'>, unit: Finding['unit'] = 'relative') =>
    findings.push({
      ...finding,
      unit,
      verdict: !finding.passed ? 'FAILS' : exact ? 'ok' : `${precision}: for information`,
    });
  const misshapen = (output: string, actual: readonly number[], expected: readonly number[]) =>
    add({
      output,
      error: null,
      tolerance: null,
      passed: false,
      note: `(${actual.join(', ')}) where (${expected.join(', ')}) is expected`,
    });

  return {
    findings,
    remarks,
    values(output, actual, expected, { tolerance = TOLERANCE, logits, partial, note = '' } = {}) {
      const dims = withoutOnes(expected.dims, actual.dims.length);
      const fits = (size: number, axis: number) =>
        partial ? size <= itemAt(actual.dims, axis, 'dims') : size === actual.dims[axis];
      if (dims.length !== actual.dims.length || !dims.every(fits))
        return misshapen(output, actual.dims, expected.dims);
      const given = leadingPart(actual, dims);
      const error = relativeError(given.data, expected.data);
      const finite = given.data.every(Number.isFinite);
      const notes = [note, cutNote(dims, actual.dims), finite ? '' : 'not finite'];
      if (!exact && logits) notes.push(agreementNote(given, { ...expected, dims }));
      add({
        output,
        error,
        tolerance: exact ? tolerance : null,
        passed: finite && (!exact || error <= tolerance),
        note: notes.filter(Boolean).join('; '),
      });
    },
    ids(output, actual, expected) {
      const dims = withoutOnes(expected.dims, actual.dims.length);
      if (dims.join() !== actual.dims.join()) return misshapen(output, actual.dims, expected.dims);
      const count = expected.data.length;
      const differing = actual.data.reduce(
        (total, id, i) => total + (id === expected.data[i] ? 0 : 1),
        0,
      );
      add(
        {
          output,
          error: differing,
          tolerance: null,
          passed: !exact || differing === 0,
          note: `of ${count} ids`,
        },
        'ids',
      );
    },
    missing(output, reason) {
      add({ output, error: null, tolerance: null, passed: false, note: reason });
    },
    remark: (text) => remarks.push(text),
  };
}

/** Dims with trailing ones taken away down to `rank`: vectors come as (B, C, 1, 1) in the reference. */
function withoutOnes(dims: readonly number[], rank: number): readonly number[] {
  let kept = dims.length;
  while (kept > rank && dims[kept - 1] === 1) kept--;
  return dims.slice(0, kept);
}

const cutNote = (part: readonly number[], whole: readonly number[]): string =>
  part.join() === whole.join() ? '' : `first (${part.join(', ')}) of (${whole.join(', ')})`;

function agreementNote(actual: FloatTensor, expected: FloatTensor): string {
  const rows = sizeOf(expected.dims.slice(0, -1));
  let equal = 0;
  for (let row = 0; row < rows; row++)
    if (argmax(rowOf(actual, row)) === argmax(rowOf(expected, row))) equal++;
  return `same largest in ${equal} of ${rows}`;
}

/** @returns a line an output, the remarks, and how it ended */
export function formatReport(title: string, { findings, remarks }: Report): string {
  const width = Math.max(0, ...findings.map(({ output }) => output.length));
  const lines = findings.map((finding) =>
    [
      `  ${finding.output.padEnd(width)}`,
      errorText(finding).padEnd(14),
      (finding.tolerance === null ? '' : `tolerance ${finding.tolerance}`).padEnd(16),
      finding.verdict,
      finding.note && `(${finding.note})`,
    ]
      .join('  ')
      .trimEnd(),
  );
  const failed = findings.filter(({ passed }) => !passed).length;
  const end = `${findings.length} outputs compared, ${failed === 0 ? 'none fails' : `${failed} of them fail`}`;
  return [title, ...lines, ...remarks.map((text) => `  ${text}`), end].join('\n');
}

function errorText({ error, unit }: Finding): string {
  if (error === null) return '';
  return unit === 'ids' ? `${error} differ` : `error ${error.toExponential(2)}`;
}
