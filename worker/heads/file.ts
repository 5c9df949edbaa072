/**
 * A head as a file: safetensors with `output_head.1` (LayerNorm) and `output_head.2` (Linear), as a 4M backbone
 * names them, and the labels in the metadata. Nothing in a file is trusted.
 */

import { LONGEST_LABEL } from '../../shared/api/heads.ts';
import { refusal } from '../../shared/api/problem.ts';
import { SafetensorsError } from '../safetensors/errors.ts';
import { headerLength, parseHeader, type SafetensorsHeader } from '../safetensors/header.ts';
import { parseLabels } from '../safetensors/labels.ts';
import { toFloats } from '../safetensors/values.ts';
import { writeTensors } from '../safetensors/write.ts';
import type { HeadWeights } from './head.ts';

export interface HeadFile {
  readonly weights: HeadWeights;
  /** Undefined where the metadata says none. */
  readonly labels: readonly string[] | undefined;
  /** What the head looks at; see `featuresSchema`. */
  readonly features: string;
  /** Whether it looks at vectors of length 1. */
  readonly normalised: boolean;
}

/** Classes of an uploaded head at most: those of ImageNet-21k, and some. */
const MOST_CLASSES = 50_000;
/** Bytes of a file's header at most: the labels are most of it. */
const MOST_HEADER_BYTES = 4_000_000;
const PREFIX = 'output_head.';

const invalid = (detail: string, options?: ErrorOptions) =>
  refusal('invalid_head', detail, undefined, options);

function headerOf(bytes: Uint8Array): SafetensorsHeader {
  const length = headerLength('the file', bytes.subarray(0, 8), bytes.length);
  if (length > MOST_HEADER_BYTES)
    throw invalid(`the header has ${length} bytes, and at most ${MOST_HEADER_BYTES} are read`);
  return parseHeader('the file', bytes.subarray(8, 8 + length), bytes.length);
}

/** Checks the names of a head's classes. @throws FailureError `invalid_head` */
export function checkLabels(labels: readonly string[], classes: number): void {
  if (labels.length !== classes)
    throw invalid(`the head has ${classes} classes, and ${labels.length} labels`);
  const long = labels.find((label) => label.length === 0 || label.length > LONGEST_LABEL);
  if (long !== undefined)
    throw invalid(`a label has ${long.length} characters, and 1 to ${LONGEST_LABEL} are allowed`);
  const seen = new Set<string>();
  for (const label of labels) {
    if (seen.has(label)) throw invalid(`the label ${label} occurs twice`);
    seen.add(label);
  }
}

/** @throws FailureError `invalid_head`, naming the tensor or the field that does not fit */
export function readHead(bytes: Uint8Array): HeadFile {
  try {
    return parseHead(bytes);
  } catch (error) {
    if (error instanceof SafetensorsError) throw invalid(error.message, { cause: error });
    throw error;
  }
}

function parseHead(bytes: Uint8Array): HeadFile {
  const { tensors, metadata } = headerOf(bytes);
  // The names may lack the prefix, as where a head was saved by itself.
  const prefix = [...tensors.keys()].some((name) => name.startsWith(PREFIX)) ? PREFIX : '';
  const known = ['1.weight', '1.bias', '2.weight', '2.bias'].map((name) => prefix + name);
  const unknown = [...tensors.keys()].find((name) => !known.includes(name));
  const form = `a head is a LayerNorm (${PREFIX}1) and a Linear (${PREFIX}2)`;
  if (unknown !== undefined) throw invalid(`tensor ${unknown.slice(0, 64)}: ${form}`);
  const shapeOf = (name: string): readonly number[] | undefined =>
    tensors.get(prefix + name)?.shape;
  const [classes = 0, width = 0, ...rest] = shapeOf('2.weight') ?? [];
  if (classes < 1 || width < 1 || rest.length > 0)
    throw invalid(`tensor ${prefix}2.weight is missing, or not (classes, features): ${form}`);
  if (classes > MOST_CLASSES)
    throw invalid(`the head has ${classes} classes, and at most ${MOST_CLASSES} are taken`);
  const read = (name: string, length: number): Float64Array | undefined => {
    const tensor = tensors.get(prefix + name);
    if (!tensor) return undefined;
    const isVector = name !== '2.weight';
    if (isVector && (tensor.shape.length !== 1 || tensor.shape[0] !== length))
      throw invalid(
        `tensor ${prefix}${name} is [${tensor.shape.join(', ')}], [${length}] expected`,
      );
    const floats = toFloats(tensor, bytes.slice(tensor.offset, tensor.offset + tensor.length));
    if (!floats.every(Number.isFinite))
      throw invalid(`tensor ${prefix}${name} has a value that is not finite`);
    return Float64Array.from(floats);
  };
  const linear = new Float64Array(classes * (width + 1));
  linear.set(read('2.weight', classes * width) ?? []);
  linear.set(read('2.bias', classes) ?? [], classes * width);
  const weight = read('1.weight', width);
  if (!weight) throw invalid(`tensor ${prefix}1.weight is missing: ${form}`);
  const bias = read('1.bias', width) ?? new Float64Array(width);
  const labels = metadata.labels === undefined ? undefined : parseLabels(metadata.labels);
  if (metadata.labels !== undefined && !labels)
    throw invalid('labels of the metadata is no list of names');
  if (labels) checkLabels(labels, classes);
  const weights = { norm: { weight, bias }, linear, classes, width };
  const features = metadata.features ?? 'encoder';
  return { weights, labels, features, normalised: metadata.normalised === 'true' };
}

/** @param metadata beside the labels */
export function writeHead(
  { norm, linear, classes, width }: HeadWeights,
  labels: readonly string[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const floats = (values: Float64Array): Float32Array => Float32Array.from(values);
  return writeTensors(
    {
      [`${PREFIX}1.weight`]: { shape: [width], data: floats(norm.weight) },
      [`${PREFIX}1.bias`]: { shape: [width], data: floats(norm.bias) },
      [`${PREFIX}2.weight`]: {
        shape: [classes, width],
        data: floats(linear.subarray(0, classes * width)),
      },
      [`${PREFIX}2.bias`]: { shape: [classes], data: floats(linear.subarray(classes * width)) },
    },
    { ...metadata, labels: JSON.stringify(labels) },
  );
}
