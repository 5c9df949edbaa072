/**
 * Builds one ONNX graph. Nodes are named by their path in the model (`/encoder.3/attn/qkv/MatMul`), so
 * that a runtime error reads as a place; a name used twice is an error.
 */
import type { GraphSignature, TensorSignature } from '../../shared/model/signature.ts';
import {
  type Attribute,
  ELEMENT_TYPES,
  type ElementType,
  type GraphNode,
  modelMessage,
  nodeMessage,
  type TensorData,
  tensorMessage,
  valueMessage,
} from './model.ts';

/** Operators outside the standard that we use: both take PyTorch's (out, in) weights as they lie. */
const MICROSOFT_OPERATORS = new Set(['FusedMatMul', 'MatMulNBits']);

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

export interface GraphBuilder {
  /** The graph's input of that name, as the signature declares it. */
  input(name: string): Value;
  /** Makes `value` the graph's output of that name. */
  output(name: string, value: Value): void;
  /** Adds a node with one output; `''` among the inputs leaves an optional one out. */
  node(
    name: string,
    type: string,
    inputs: readonly (Value | '')[],
    attributes?: Record<string, Attribute>,
  ): Value;
  /** Adds a node with several outputs. */
  nodes(
    name: string,
    type: string,
    inputs: readonly (Value | '')[],
    outputs: number,
    attributes?: Record<string, Attribute>,
  ): Value[];
  /** A constant vector of int64, or a scalar for a plain number. Equal constants are stored once. */
  int64(values: number | readonly number[]): Value;
  /** A constant vector of float32, or a scalar for a plain number. Equal constants are stored once. */
  float32(values: number | readonly number[]): Value;
  /**
   * An initializer that stays in its file, as float32: half precision is cast, which the runtime folds
   * once when it loads the graph. Asking again for the same tensor gives the same value.
   */
  external(tensor: ExternalTensor): Value;
  /** As `external`, in the type it is stored in. */
  stored(tensor: ExternalTensor): Value;
  /** @throws Error naming an output of the signature that was never set */
  content(): GraphContent;
  /** The finished `.onnx` file. Errors as `content`. */
  encode(): Uint8Array;
}

const bytesOf = (array: Float32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Starts a graph with the inputs and outputs of a signature. */
export function createGraph(graphName: string, signature: GraphSignature): GraphBuilder {
  const names = new Set<string>();
  const nodes: GraphNode[] = [];
  const initializers = new Map<string, Initializer>();
  const outputsSet = new Set<string>();

  const claim = (name: string): Value => {
    if (names.has(name)) throw new Error(`graph ${graphName}: the name ${name} is used twice`);
    names.add(name);
    return name as Value;
  };
  const inputs = new Map(signature.inputs.map((input) => [input.name, claim(input.name)]));

  const addNodes: GraphBuilder['nodes'] = (name, type, nodeInputs, count, attributes = {}) => {
    claim(`node ${name}`);
    const outputs = Array.from({ length: count }, (_, i) =>
      claim(count === 1 ? name : `${name}:${i}`),
    );
    const domain = MICROSOFT_OPERATORS.has(type) ? 'com.microsoft' : '';
    nodes.push({ name, type, domain, inputs: nodeInputs, outputs, attributes });
    return outputs;
  };

  const initializer = (
    name: string,
    type: ElementType,
    dims: readonly number[],
    data: TensorData,
  ): Value => {
    if (!initializers.has(name)) initializers.set(claim(name), { type, dims, data });
    return name as Value;
  };

  const constant = (type: 'int64' | 'float32', values: number | readonly number[]): Value => {
    const list = typeof values === 'number' ? [values] : values;
    const raw = type === 'int64' ? BigInt64Array.from(list, BigInt) : Float32Array.from(list);
    const dims = typeof values === 'number' ? [] : [list.length];
    const name = `${type} ${typeof values === 'number' ? values : `[${values.join(', ')}]`}`;
    return initializer(name, type, dims, { raw: bytesOf(raw) });
  };

  const stored = ({ name, type, dims, ...data }: ExternalTensor): Value =>
    // The same bytes may be read under two shapes (a 1x1 convolution as a matrix).
    initializer(`${name} [${dims.join(', ')}]`, type, dims, data);

  const content = (): GraphContent => {
    const missing = signature.outputs.find((output) => !outputsSet.has(output.name));
    if (missing) throw new Error(`graph ${graphName}: output ${missing.name} was never set`);
    return { name: graphName, signature, nodes, initializers };
  };

  return {
    input(name) {
      const found = inputs.get(name);
      if (!found) throw new Error(`graph ${graphName}: the signature has no input ${name}`);
      return found;
    },
    output(name, source) {
      if (!signature.outputs.some((output) => output.name === name))
        throw new Error(`graph ${graphName}: the signature has no output ${name}`);
      outputsSet.add(name);
      const outputs = [claim(name)];
      nodes.push({
        name: `/${name}`,
        type: 'Identity',
        domain: '',
        inputs: [source],
        outputs,
        attributes: {},
      });
    },
    node: (name, type, nodeInputs, attributes) =>
      addNodes(name, type, nodeInputs, 1, attributes)[0]!,
    nodes: addNodes,
    int64: (values) => constant('int64', values),
    float32: (values) => constant('float32', values),
    external(tensor) {
      const found = stored(tensor);
      if (tensor.type === 'float32') return found;
      const cast = `/${found}/float32`;
      return names.has(cast)
        ? (cast as Value)
        : addNodes(cast, 'Cast', [found], 1, { to: ELEMENT_TYPES.float32 })[0]!;
    },
    stored,
    content,
    encode: () => encodeGraph(content()),
  };
}

/** The `.onnx` file of a graph. */
export function encodeGraph({ name, signature, nodes, initializers }: GraphContent): Uint8Array {
  const value = (tensor: TensorSignature) => valueMessage(tensor.name, tensor.type, tensor.dims);
  return modelMessage({
    graphName: name,
    nodes: nodes.map(nodeMessage),
    initializers: [...initializers].map(([tensor, { type, dims, data }]) =>
      tensorMessage(tensor, type, dims, data),
    ),
    inputs: signature.inputs.map(value),
    outputs: signature.outputs.map(value),
  });
}
