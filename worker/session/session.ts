/** One loaded graph, checked against the signature the rest of the code counts on. */
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import type { Dimension, GraphSignature, TensorSignature } from '../../shared/model/signature.ts';
import { widthFor } from './rows.ts';
import type { Runtime } from './runtime.ts';
import { type GraphSession, type RowFeeds, SessionError, type Tensor } from './types.ts';

/**
 * Loads a graph into the thread.
 * @param graph name for messages, such as `fm/encoder`
 * @param file the `.onnx` file; its external data lies beside it
 * @throws SessionError where the file cannot be loaded or declares other inputs or outputs than
 *   `signature`; the signal's reason
 */
export async function openGraph(
  runtime: Runtime,
  graph: string,
  file: string,
  signature: GraphSignature,
  signal?: AbortSignal,
): Promise<GraphSession> {
  const loaded = await runtime.request({ kind: 'load', graph, file }, { signal });
  if (loaded.kind !== 'loaded') throw new SessionError(`graph ${graph}: unexpected answer`);
  try {
    assertSame(graph, 'input', signature.inputs, loaded.declared.inputs);
    assertSame(graph, 'output', signature.outputs, loaded.declared.outputs);
  } catch (error) {
    await runtime.request({ kind: 'release', graph });
    throw error;
  }
  const allOutputs = signature.outputs.map((output) => output.name);
  return {
    signature,
    async run(feeds, outputs = allOutputs, options = {}) {
      const { consumed = [], signal, onTime, rowFeeds = [], keepRows = [] } = options;
      assertFeeds(graph, signature, { ...feeds, ...shapesOf(rowFeeds) });
      const unknown = outputs.find((name) => !allOutputs.includes(name));
      if (unknown !== undefined) throw new SessionError(`graph ${graph}: no output ${unknown}`);
      const given = new Set(
        consumed.map((name) => fieldOf(feeds, name, 'the feeds').data.buffer as ArrayBuffer),
      );
      const result = await runtime.request(
        { kind: 'run', graph, feeds, outputs, rowFeeds, keepRows },
        { transfer: [...given], signal },
      );
      if (result.kind !== 'outputs') throw new SessionError(`graph ${graph}: unexpected answer`);
      onTime?.(result.milliseconds);
      return result.tensors;
    },
    forgetRows(rows) {
      // A thread that has ended has forgotten all of them.
      runtime.request({ kind: 'forget', rows }).catch(() => {});
    },
    async close() {
      await runtime.request({ kind: 'release', graph });
    },
  };
}

const describe = ({ type, dims }: { type: string; dims: readonly Dimension[] }): string =>
  `${type} (${dims.join(', ')})`;

function assertSame(
  graph: string,
  side: 'input' | 'output',
  expected: readonly TensorSignature[],
  declared: readonly TensorSignature[],
): void {
  const byName = new Map(declared.map((value) => [value.name, value]));
  for (const value of expected) {
    const found = byName.get(value.name);
    if (!found) throw new SessionError(`graph ${graph}: ${side} ${value.name} is missing`);
    if (describe(found) !== describe(value))
      throw new SessionError(
        `graph ${graph}: ${side} ${value.name} is ${describe(found)}, ${describe(value)} expected`,
      );
    byName.delete(value.name);
  }
  const [extra] = byName.keys();
  if (extra !== undefined) throw new SessionError(`graph ${graph}: unknown ${side} ${extra}`);
}

/** Inputs that are fed from kept rows, for their shapes alone. */
function shapesOf(rowFeeds: readonly RowFeeds[]): Record<string, Shaped> {
  const shapes = rowFeeds.flatMap(({ names, type, rows, shape: [heads, size] }) => {
    const dims = [rows.length, heads, widthFor(rows), size];
    return names.map((name): [string, Shaped] => [name, { type, dims }]);
  });
  return Object.fromEntries(shapes);
}

/** A tensor, or the shape of one that is not here. */
type Shaped = Pick<Tensor, 'type' | 'dims'> & { readonly data?: Tensor['data'] };

/** Every input there, of the right type, rank and sizes, and dimensions of one name of one size. */
function assertFeeds(
  graph: string,
  signature: GraphSignature,
  feeds: Readonly<Record<string, Shaped>>,
): void {
  const sizes = new Map<string, { size: number; input: string }>();
  for (const input of signature.inputs) {
    const tensor = feeds[input.name];
    if (!tensor) throw new SessionError(`graph ${graph}: input ${input.name} is missing`);
    const misfit = () =>
      new SessionError(
        `graph ${graph}: input ${input.name} is ${describe(tensor)}, ${describe(input)} expected`,
      );
    if (tensor.type !== input.type || tensor.dims.length !== input.dims.length) throw misfit();
    const { data } = tensor;
    if (data && data.length !== tensor.dims.reduce((product, size) => product * size, 1))
      throw new SessionError(
        `graph ${graph}: input ${input.name} is ${describe(tensor)} but holds ${data.length} values`,
      );
    input.dims.forEach((dimension, axis) => {
      const size = itemAt(tensor.dims, axis, `the dimensions of ${input.name}`);
      if (typeof dimension === 'number') {
        if (size !== dimension) throw misfit();
        return;
      }
      const first = sizes.get(dimension);
      if (!first) sizes.set(dimension, { size, input: input.name });
      else if (first.size !== size)
        throw new SessionError(
          `graph ${graph}: ${dimension} is ${first.size} in ${first.input} and ${size} in ${input.name}`,
        );
    });
  }
  const names = new Set(signature.inputs.map((input) => input.name));
  const extra = Object.keys(feeds).find((name) => !names.has(name));
  if (extra !== undefined) throw new SessionError(`graph ${graph}: unknown input ${extra}`);
}
