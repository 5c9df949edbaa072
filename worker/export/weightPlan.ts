/**
 * Where a model's weights will lie in its exported folder. In fp32 they stay in the checkpoint's own
 * files, which are linked in; in the other precisions they are written, tensor by tensor, to one new file.
 */
import { basename } from 'node:path';
import { itemAt, valueAt } from '../../shared/lookup.ts';
import type { ExternalTensor } from '../onnx/graph.ts';
import type { Checkpoint } from '../safetensors/checkpoint.ts';
import type { StoredTensor } from '../safetensors/header.ts';
import type { Encoding } from './precision/encodings.ts';

/** A single checkpoint's name inside an exported folder, where graphs look for their weights. */
export const WEIGHTS_FILE = 'weights.safetensors';
/** The file of weights that are written anew. */
export const ENCODED_FILE = 'weights.bin';

export type Place = Pick<ExternalTensor, 'file' | 'offset' | 'length'>;

export interface WeightPlan {
  /** A tensor as the checkpoint stores it. */
  stored(from: Checkpoint, tensor: StoredTensor): Place;
  /** A tensor as a matrix of shape[0] rows, in parts. */
  encoded(from: Checkpoint, tensor: StoredTensor, encoding: Encoding): readonly ExternalTensor[];
}

/** A checkpoint's files under the names they have in the exported folder. */
export interface LinkedFile {
  readonly source: string;
  readonly name: string;
}

/** Names of the checkpoints' files in the folder: one file alone has a fixed name. */
export function linkedFiles(checkpoints: readonly Checkpoint[]): readonly LinkedFile[] {
  const sources = checkpoints.flatMap((checkpoint) => checkpoint.files);
  const [only, ...others] = sources;
  if (only !== undefined && others.length === 0) return [{ source: only, name: WEIGHTS_FILE }];
  return sources.map((source, i) => {
    const name = basename(source);
    const taken = sources.slice(0, i).some((other) => basename(other) === name);
    return { source, name: taken ? `${i}-${name}` : name };
  });
}

/** The weights stay where they are. */
export function planInPlace(files: readonly LinkedFile[]): WeightPlan {
  const names = new Map(files.map(({ source, name }) => [source, name]));
  return {
    stored: (_, { file, offset, length }) => ({
      file: valueAt(names, file, 'the linked files'),
      offset,
      length,
    }),
    encoded(_, { name }) {
      throw new Error(`weight plan: ${name} cannot be encoded where the weights stay in place`);
    },
  };
}

/** One tensor of the file to write. */
export interface PlannedTensor {
  readonly from: Checkpoint;
  readonly tensor: StoredTensor;
  /** Absent where the tensor's bytes are copied. */
  readonly encoding?: Encoding;
  /** Position of each part. */
  readonly offsets: readonly number[];
}

/** Positions in the file are multiples of this, which every element type divides. */
const ALIGNMENT = 64;

export interface WrittenPlan extends WeightPlan {
  tensors(): readonly PlannedTensor[];
  /** Size that the file will have. */
  bytes(): number;
}

/** The weights are written to `ENCODED_FILE`, in the order in which they are asked for. */
export function planWritten(): WrittenPlan {
  const planned = new Map<string, PlannedTensor>();
  let end = 0;
  const reserve = (bytes: number): number => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = offset + bytes;
    return offset;
  };
  const plan = (key: string, sizes: readonly number[], entry: Omit<PlannedTensor, 'offsets'>) => {
    const known = planned.get(key);
    if (known) return known.offsets;
    const offsets = sizes.map(reserve);
    planned.set(key, { ...entry, offsets });
    return offsets;
  };
  return {
    stored(from, tensor) {
      const offsets = plan(tensor.name, [tensor.length], { from, tensor });
      return { file: ENCODED_FILE, offset: itemAt(offsets, 0, tensor.name), length: tensor.length };
    },
    encoded(from, tensor, encoding) {
      const [rows = 1, ...rest] = tensor.shape;
      const columns = rest.reduce((product, size) => product * size, 1);
      const parts = encoding.parts(rows, columns);
      const lengths = parts.map(({ rowBytes }) => rows * rowBytes);
      const key = [tensor.name, ...parts.map(({ suffix }) => suffix)].join(' ');
      const offsets = plan(key, lengths, { from, tensor, encoding });
      return parts.map(({ suffix, type, dims }, i) => ({
        name: `${tensor.name} ${suffix}`,
        type,
        dims,
        file: ENCODED_FILE,
        offset: itemAt(offsets, i, tensor.name),
        length: itemAt(lengths, i, tensor.name),
      }));
    },
    tensors: () => [...planned.values()],
    bytes: () => end,
  };
}
