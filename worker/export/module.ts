/** One place in a model: its nodes and its weights share the path, `encoder.3` and `/encoder.3/...`. */
import type { GraphBuilder, Outputs, Value } from '../onnx/graph.ts';
import type { Attribute } from '../onnx/model.ts';
import type { Weights } from './weights.ts';

export interface Module {
  readonly graph: GraphBuilder;
  /** `/encoder.3/attn`, empty for the whole model. */
  readonly path: string;
  readonly weights: Weights;
  /** True where no value is empty: what the runtime does to empty ones need not be mended there. */
  readonly isFilled: boolean;
  /** uint8 (B, m, 1), the code of zero for each row of every value here, where these are made once for all. */
  readonly middles: Value | undefined;
  /** A part of this module, such as `at('encoder', 3)` or `at('attn')`. */
  at(...path: readonly (string | number)[]): Module;
  /** A weight of this module as float32, of exactly this shape; see `Weights.tensor`. */
  weight(name: string, shape: readonly number[], as?: readonly number[]): Value;
  /** Adds `/path/name`; the name says what the node is for. */
  node(
    name: string,
    type: string,
    inputs: readonly (Value | '')[],
    attributes?: Record<string, Attribute>,
  ): Value;
  /** Adds a node with several outputs. */
  nodes<N extends number>(
    name: string,
    type: string,
    inputs: readonly (Value | '')[],
    outputs: N,
    attributes?: Record<string, Attribute>,
  ): Outputs<N>;
  /** One of two values: an `If` node `/path/name`, of which only the taken branch is computed. */
  branch(name: string, condition: Value, then: () => Value, otherwise: () => Value): Value;
  /** As `branch`, of several values; both sides make as many. */
  branches<N extends number>(
    name: string,
    condition: Value,
    count: N,
    then: () => readonly Value[],
    otherwise: () => readonly Value[],
  ): Outputs<N>;
}

/** The whole model. */
export const rootModule = (
  graph: GraphBuilder,
  weights: Weights,
  known: Partial<Pick<Module, 'isFilled' | 'middles'>> = {},
): Module => moduleAt(graph, weights, '', { isFilled: false, middles: undefined, ...known });

function moduleAt(
  graph: GraphBuilder,
  weights: Weights,
  path: string,
  known: Pick<Module, 'isFilled' | 'middles'>,
): Module {
  return {
    graph,
    path,
    weights,
    ...known,
    at: (...parts) => moduleAt(graph, weights.scope(...parts), `${path}/${parts.join('.')}`, known),
    weight: (name, shape, as) => graph.external(weights.tensor(name, shape, as)),
    node: (name, type, inputs, attributes) =>
      graph.node(`${path}/${name}`, type, inputs, attributes),
    nodes: (name, type, inputs, outputs, attributes) =>
      graph.nodes(`${path}/${name}`, type, inputs, outputs, attributes),
    branch: (name, condition, then, otherwise) =>
      graph.branch(`${path}/${name}`, condition, then, otherwise),
    branches: (name, condition, count, then, otherwise) =>
      graph.branches(`${path}/${name}`, condition, count, then, otherwise),
  };
}
