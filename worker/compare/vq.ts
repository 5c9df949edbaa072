/** Tokenizer cases: `io.safetensors` with groups `{name}.input`, `{name}.tokens`, `{name}.decoded`. */
import { fieldOf, itemAt, present } from '../../shared/lookup.ts';
import type { VqManifest } from '../../shared/model/manifest.ts';
import type { GraphSession, Tensor } from '../session/types.ts';
import { CompareError } from './errors.ts';
import type { Report } from './report.ts';
import { floats, ints, type Tensors } from './tensors.ts';

export interface VqModel {
  readonly manifest: VqManifest;
  readonly encoder: GraphSession;
  readonly decoder: GraphSession;
}

/** Prefixes of the groups that hold a tensor: `r32.` for `r32.input`, nothing for `input`. */
export const groupsWith = (io: Tensors, tensor: string): string[] =>
  Object.keys(io).flatMap((name) => {
    if (name === tensor) return [''];
    return name.endsWith(`.${tensor}`) ? [name.slice(0, -tensor.length)] : [];
  });

/**
 * A tensor as a graph takes it: (B, C, 1, 1) as (B, C) where it takes vectors, labels in bytes as int64.
 * @throws CompareError where the axes do not fit
 */
export function asInput(session: GraphSession, input: string, tensor: Tensor): Tensor {
  const found = session.signature.inputs.find(({ name }) => name === input);
  const wanted = present(found, `the input ${input} of a graph`);
  const rank = wanted.dims.length;
  const extra = tensor.dims.slice(rank);
  if (tensor.dims.length < rank || extra.some((size) => size !== 1))
    throw new CompareError(`input (${tensor.dims.join(', ')}): ${rank} axes are expected`);
  const dims = tensor.dims.slice(0, rank);
  if (wanted.type === 'int64' && tensor.type === 'bool')
    return { type: 'int64', dims, data: BigInt64Array.from(tensor.data, BigInt) };
  return { ...tensor, dims };
}

/** Token ids of every input. @returns the ids by group */
export async function compareTokens(
  encoder: GraphSession,
  io: Tensors,
  report: Report,
  used: Set<string>,
): Promise<Record<string, Tensor>> {
  const input = itemAt(encoder.signature.inputs, 0, 'inputs of an encoder').name;
  const found: Record<string, Tensor> = {};
  for (const group of groupsWith(io, 'input')) {
    used.add(`${group}input`);
    const given = fieldOf(io, `${group}input`, 'the case');
    const ids = ints(await encoder.run({ [input]: asInput(encoder, input, given) }), 'ids');
    found[group] = ids;
    const output = `${group}tokens`;
    if (!io[output]) continue;
    used.add(output);
    report.ids(output, ids, ints(io, output));
  }
  return found;
}

/** Tokens of the inputs, and what both the found and the expected tokens decode to. */
export async function compareVq(model: VqModel, io: Tensors, report: Report): Promise<void> {
  const used = new Set<string>();
  const found = await compareTokens(model.encoder, io, report, used);
  for (const group of groupsWith(io, 'decoded')) {
    const output = `${group}decoded`;
    used.add(output);
    const expected = floats(io, output);
    const decode = async (label: string, ids: Tensor) => {
      const outputs = await model.decoder.run({ ids: asInput(model.decoder, 'ids', ids) });
      report.values(label, floats(outputs, 'values'), expected);
    };
    const tokens = io[`${group}tokens`];
    if (found[group]) await decode(output, found[group]);
    if (tokens) await decode(`${output} of the expected tokens`, tokens);
    if (!found[group] && !tokens)
      report.missing(output, `neither ${group}input nor ${group}tokens`);
  }
  remarkUnused(io, used, report);
}

/** Names the tensors of a case that no graph puts out. */
export function remarkUnused(io: Tensors, used: ReadonlySet<string>, report: Report): void {
  const rest = Object.keys(io).filter((name) => !used.has(name));
  if (rest.length > 0) report.remark(`not an output of the graphs: ${rest.join(', ')}`);
}
