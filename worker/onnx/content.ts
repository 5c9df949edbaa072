/** What a finished graph consists of, and its file. */
import type { GraphSignature, TensorSignature } from '../../shared/model/signature.ts';
import {
  type ElementType,
  type GraphNode,
  modelMessage,
  nodeMessage,
  OPSET,
  type Opset,
  type TensorData,
  tensorMessage,
  valueMessage,
} from './model.ts';

declare const brand: unique symbol;
/** A tensor inside the graph, by name. */
export type Value = string & { readonly [brand]: true };

/** A tensor that lies in a file beside the graph. */
export interface ExternalTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** A tensor that is part of a graph. */
export interface Initializer {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** What a graph is made of, in an order in which it can be computed. */
export interface GraphContent {
  readonly name: string;
  readonly signature: GraphSignature;
  readonly nodes: readonly GraphNode[];
  readonly initializers: ReadonlyMap<string, Initializer>;
}

/** Nodes in which values have other names, inside of bodies as well. */
export function renameValues(
  nodes: readonly GraphNode[],
  names: ReadonlyMap<string, string>,
): GraphNode[] {
  const renamed = (values: readonly string[]) => values.map((value) => names.get(value) ?? value);
  return nodes.map((node) => ({
    ...node,
    inputs: renamed(node.inputs),
    outputs: renamed(node.outputs),
    attributes: Object.fromEntries(
      Object.entries(node.attributes).map(([key, attribute]) => {
        if (typeof attribute !== 'object' || !('body' in attribute)) return [key, attribute];
        const { body } = attribute;
        const inner = { outputs: renamed(body.outputs), nodes: renameValues(body.nodes, names) };
        return [key, { body: { ...body, ...inner } }];
      }),
    ),
  }));
}

/** The `.onnx` file of a graph. */
export function encodeGraph(
  { name, signature, nodes, initializers }: GraphContent,
  opset: Opset = OPSET,
): Uint8Array {
  const value = (tensor: TensorSignature) => valueMessage(tensor.name, tensor.type, tensor.dims);
  return modelMessage({
    graphName: name,
    nodes: nodes.map(nodeMessage),
    initializers: [...initializers].map(([tensor, { type, dims, data }]) =>
      tensorMessage(tensor, type, dims, data),
    ),
    inputs: signature.inputs.map(value),
    outputs: signature.outputs.map(value),
    opset,
  });
}
