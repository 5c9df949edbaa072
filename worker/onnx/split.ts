/**
 * Cuts a graph into parts that can be run one after the other, each with a bounded amount of weights, so
 * that a model larger than memory can still be run through.
 */
import { valueAt } from '../../shared/lookup.ts';
import type { GraphContent, Initializer } from './graph.ts';
import {
  type ElementType,
  type GraphNode,
  modelMessage,
  nodeMessage,
  tensorMessage,
  untypedValueMessage,
  valueMessage,
} from './model.ts';

export interface GraphPart {
  /** Values that come from the graph's inputs or from earlier parts. */
  readonly inputs: readonly string[];
  /** Values that later parts or the graph's outputs need. */
  readonly outputs: readonly string[];
  readonly nodes: readonly GraphNode[];
}

const bytesOf = ({ data }: Initializer): number => ('raw' in data ? data.raw.length : data.length);

/** Values that a node reads, those that its bodies read from around them included. */
function valuesRead({ inputs, attributes }: GraphNode): string[] {
  const outside = Object.values(attributes).flatMap((attribute) => {
    if (typeof attribute !== 'object' || !('body' in attribute)) return [];
    const { body } = attribute;
    const own = new Set([
      ...body.inputs.map(({ name }) => name),
      ...body.nodes.flatMap(({ outputs }) => outputs),
    ]);
    const read = [...body.nodes.flatMap(valuesRead), ...body.outputs];
    return read.filter((name) => !own.has(name));
  });
  return [...inputs.filter((name) => name !== ''), ...outside];
}

/** Where in the model a node is: nodes of one place are never parted, as only between places are values float32. */
const placeOf = ({ name }: GraphNode): string => name.slice(0, name.lastIndexOf('/'));

/**
 * Before which nodes there is no cut, by their index: those up to the last that reads 8-bit codes made earlier,
 * which no part could hand on to the next.
 */
function tiedByCodes(nodes: readonly GraphNode[]): readonly boolean[] {
  const lastReader = new Map<string, number>();
  for (const [i, node] of nodes.entries())
    for (const name of valuesRead(node)) lastReader.set(name, i);
  let end = -1;
  return nodes.map(({ type, outputs }, i) => {
    const isTied = i <= end;
    if (type === 'QuantizeLinear')
      end = Math.max(end, ...outputs.map((name) => lastReader.get(name) ?? -1));
    return isTied;
  });
}

/** @param limit bytes of initializers in one part; a single place may exceed it */
export function splitGraph(content: GraphContent, limit: number): readonly GraphPart[] {
  const groups: GraphNode[][] = [];
  const tied = tiedByCodes(content.nodes);
  let held = new Set<string>();
  let bytes = 0;
  for (const [i, node] of content.nodes.entries()) {
    const fresh = valuesRead(node).filter(
      (name) => content.initializers.has(name) && !held.has(name),
    );
    const size = fresh.reduce(
      (sum, name) => sum + bytesOf(valueAt(content.initializers, name, content.name)),
      0,
    );
    const group = groups.at(-1);
    const before = group?.at(-1);
    const samePlace = before !== undefined && placeOf(before) === placeOf(node);
    if (!group || (bytes + size > limit && !samePlace && !tied[i])) {
      groups.push([node]);
      held = new Set(fresh);
      bytes = size;
      continue;
    }
    group.push(node);
    for (const name of fresh) held.add(name);
    bytes += size;
  }
  const wanted = new Set(content.signature.outputs.map(({ name }) => name));
  const parts: GraphPart[] = [];
  // From the end, as what a part has to give is known once all later parts are.
  for (const nodes of groups.reverse()) {
    const made = new Set(nodes.flatMap((node) => node.outputs));
    const inputs = new Set(
      nodes.flatMap((node) =>
        valuesRead(node).filter((name) => !made.has(name) && !content.initializers.has(name)),
      ),
    );
    parts.unshift({
      inputs: [...inputs],
      outputs: [...made].filter((name) => wanted.has(name)),
      nodes,
    });
    for (const name of inputs) wanted.add(name);
  }
  return parts;
}

/**
 * A part as an `.onnx` file.
 * @param typeOf element type of an input, and how many axes it has
 */
export function encodePart(
  content: GraphContent,
  part: GraphPart,
  typeOf: (input: string) => { readonly type: ElementType; readonly rank: number },
): Uint8Array {
  const used = new Set(part.nodes.flatMap(valuesRead));
  return modelMessage({
    graphName: content.name,
    nodes: part.nodes.map(nodeMessage),
    initializers: [...content.initializers]
      .filter(([name]) => used.has(name))
      .map(([name, { type, dims, data }]) => tensorMessage(name, type, dims, data)),
    inputs: part.inputs.map((name) => {
      const { type, rank } = typeOf(name);
      const dims = Array.from({ length: rank }, (_, axis) => `${name}:${axis}`);
      return valueMessage(name, type, dims);
    }),
    outputs: part.outputs.map(untypedValueMessage),
  });
}
