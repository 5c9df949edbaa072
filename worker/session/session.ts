/** One loaded graph, checked against the signature the rest of the code counts on. */
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import type { Dimension, GraphSignature, TensorSignature } from '../../shared/model/signature.ts';
import type { Runtime } from './runtime.ts';
import { type GraphSession, SessionError, type Tensor } from './types.ts';

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
    async run(feeds, outputs = allOutputs, { consumed = [], signal, onTime } = {}) {
      assertFeeds(graph, signature, feeds);
      const unknown = outputs.find((name) => !allOutputs.includes(name));
      if (unknown !== undefined) throw new SessionError(`graph ${graph}: no output ${unknown}`);
      const given = new Set(
        consumed.map((name) => fieldOf(feeds, name, 'the feeds').data.buffer as ArrayBuffer),
      );
      const options = { transfer: [...given], signal };
      const result = await runtime.request({ kind: 'run', graph, feeds, outputs }, options);
      if (result.kind !== 'outputs') throw new SessionError(`graph ${graph}: unexpected answer`);
      onTime?.(result.milliseconds);
      return result.tensors;
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

/** Every input there, of the right type, rank and sizes, and dimensions of one name of one size. */
function assertFeeds(
  graph: string,
  signature: GraphSignature,
  feeds: Readonly<Record<string, Tensor>>,
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
    if (tensor.data.length !== tensor.dims.reduce((product, size) => product * size, 1))
      throw new SessionError(
        `graph ${graph}: input ${input.name} is ${describe(tensor)} but holds ${tensor.data.length} values`,
      );
    input.dims.forEach((dimension, axis) => {
      const size = itemAt(tensor.dims, axis, `the dimensions of ${input.name}`);
      if (typeof dimension === 'number') {
        if (size !== dimension) throw misfit();
        return;
      }
      const known = sizes.get(dimension);
      if (!known) sizes.set(dimension, { size, input: input.name });
      else if (known.size !== size)
        throw new SessionError(
          `graph ${graph}: ${dimension} is ${known.size} in ${known.input} and ${size} in ${input.name}`,
        );
    });
  }
  const names = new Set(signature.inputs.map((input) => input.name));
  const extra = Object.keys(feeds).find((name) => !names.has(name));
  if (extra !== undefined) throw new SessionError(`graph ${graph}: unknown input ${extra}`);
}
