/**
 * Builds one ONNX graph. Nodes are named by their path in the model (`/encoder.3/attn/qkv/MatMul`), so
 * that a runtime error reads as a place; a name used twice is an error.
 */
import { toHalves } from '../../shared/half.ts';
import { itemAt } from '../../shared/lookup.ts';
import type { GraphSignature } from '../../shared/model/signature.ts';
import type { Carried, LoopResult, Outputs } from './bodies.ts';
import {
  type ExternalTensor,
  encodeGraph,
  type GraphContent,
  type Initializer,
  renameValues,
  type Value,
} from './content.ts';
import {
  type Attribute,
  ELEMENT_TYPES,
  type ElementType,
  type GraphNode,
  type Opset,
  operatorOf,
  type TensorData,
} from './model.ts';

export type { Carried, LoopResult, Outputs } from './bodies.ts';
export type { ExternalTensor, GraphContent, Initializer, Value } from './content.ts';

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
  nodes<N extends number>(
    name: string,
    type: string,
    inputs: readonly (Value | '')[],
    outputs: N,
    attributes?: Record<string, Attribute>,
  ): Outputs<N>;
  /**
   * Repeats a body: a `Loop` node. Nodes added while `build` runs belong to the body, which sees every
   * value made before it.
   * @param count int64 scalar, repetitions at most
   * @param going bool scalar, false stops before the first one
   * @param carried values handed from one repetition to the next
   * @returns what was carried last, then what was collected, stacked along a new first axis
   */
  loop(
    name: string,
    count: Value,
    going: Value,
    carried: readonly Carried[],
    build: (iteration: Value, states: readonly Value[]) => LoopResult,
  ): Value[];
  /** One of two values: an `If` node, of which only the taken branch is computed. */
  branch(name: string, condition: Value, then: () => Value, otherwise: () => Value): Value;
  /** As `branch`, of several values; both sides make as many. */
  branches<N extends number>(
    name: string,
    condition: Value,
    count: N,
    then: () => readonly Value[],
    otherwise: () => readonly Value[],
  ): Outputs<N>;
  /** A constant vector of int64, or a scalar for a plain number. Equal constants are stored once. */
  int64(values: number | readonly number[]): Value;
  /** A constant vector of float32, or a scalar for a plain number. Equal constants are stored once. */
  float32(values: number | readonly number[]): Value;
  /** A constant scalar of float16. Equal constants are stored once. */
  float16(value: number): Value;
  /** A constant scalar of uint8. Equal constants are stored once. */
  uint8(value: number): Value;
  /** A constant scalar of int8. Equal constants are stored once. */
  int8(value: number): Value;
  /**
   * An initializer that stays in its file, as float32: half precision is cast, which the runtime folds
   * once when it loads the graph. Asking again for the same tensor gives the same value.
   */
  external(tensor: ExternalTensor): Value;
  /** Makes the value `name` by `build`, once and outside of any body: constants are computed at loading there. */
  outside(name: string, build: () => Value): Value;
  /** As `external`, in the type it is stored in. */
  stored(tensor: ExternalTensor): Value;
  /** @throws Error naming an output of the signature that was never set */
  content(): GraphContent;
  /** The finished `.onnx` file. Errors as `content`. */
  encode(opset?: Opset): Uint8Array;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Starts a graph with the inputs and outputs of a signature. */
export function createGraph(graphName: string, signature: GraphSignature): GraphBuilder {
  const names = new Set<string>();
  const nodes: GraphNode[] = [];
  /** Where nodes are added: the graph's own, or those of the body being built. */
  let current = nodes;
  const initializers = new Map<string, Initializer>();
  const outputsSet = new Set<string>();
  /** Values that are outputs, by their names inside. */
  const renamed = new Map<string, string>();

  const claim = (name: string): Value => {
    if (names.has(name)) throw new Error(`graph ${graphName}: the name ${name} is used twice`);
    names.add(name);
    return name as Value;
  };
  const inputs = new Map(signature.inputs.map((input) => [input.name, claim(input.name)]));

  const addNodes = <N extends number>(
    name: string,
    type: string,
    nodeInputs: readonly (Value | '')[],
    count: N,
    attributes: Record<string, Attribute> = {},
  ): Outputs<N> => {
    claim(`node ${name}`);
    const outputs = Array.from({ length: count }, (_, i) =>
      claim(count === 1 ? name : `${name}:${i}`),
    );
    current.push({ name, ...operatorOf(type), inputs: nodeInputs, outputs, attributes });
    // The list is as long as the type says: the compiler cannot see that.
    return outputs as Outputs<N>;
  };
  const addNode: GraphBuilder['node'] = (name, type, nodeInputs, attributes) => {
    const [output] = addNodes(name, type, nodeInputs, 1, attributes);
    return output;
  };

  /** Collects what `build` adds as the nodes of a body. */
  const inBody = <T>(build: () => T): { readonly nodes: GraphNode[]; readonly result: T } => {
    const outer = current;
    const inner: GraphNode[] = [];
    current = inner;
    try {
      return { nodes: inner, result: build() };
    } finally {
      current = outer;
    }
  };
  /** Outputs of the body being built: each is made in it and is given once; others are copied. */
  const bodyOutputs = (name: string, values: readonly Value[]): Value[] => {
    const made = new Set(current.flatMap((node) => node.outputs));
    return values.map((value, i) => {
      const isOwn = made.has(value) && values.indexOf(value) === i;
      return isOwn ? value : addNode(`${name}.${i}`, 'Identity', [value]);
    });
  };

  const loop: GraphBuilder['loop'] = (name, count, going, carried, build) => {
    const iteration = claim(`${name}/iteration`);
    const before = claim(`${name}/going`);
    const states = carried.map((state) => claim(`${name}/${state.name}`));
    const { nodes: body, result } = inBody(() => {
      const made = build(iteration, states);
      const all = [made.going, ...made.carried, ...made.collected];
      return bodyOutputs(`${name}/out`, all);
    });
    const inputs = [
      { name: iteration, type: 'int64' as const, dims: [] },
      { name: before, type: 'bool' as const, dims: [] },
      ...carried.map(({ type, dims }, i) => ({
        name: itemAt(states, i, `states of ${name}`),
        type,
        dims,
      })),
    ];
    return addNodes(
      name,
      'Loop',
      [count, going, ...carried.map(({ value }) => value)],
      result.length - 1,
      { body: { body: { name: `${name} body`, inputs, outputs: result, nodes: body } } },
    );
  };

  const branches: GraphBuilder['branches'] = (name, condition, count, then, otherwise) => {
    const side = (which: string, build: () => readonly Value[]): Attribute => {
      const { nodes: body, result } = inBody(() => bodyOutputs(`${name}/${which}`, build()));
      if (result.length !== count)
        throw new Error(`${name}: ${which} makes ${result.length} values`);
      return { body: { name: `${name} ${which}`, inputs: [], outputs: result, nodes: body } };
    };
    const attributes = {
      then_branch: side('then', then),
      else_branch: side('otherwise', otherwise),
    };
    return addNodes(name, 'If', [condition], count, attributes);
  };
  const branch: GraphBuilder['branch'] = (name, condition, then, otherwise) => {
    const [value] = branches(
      name,
      condition,
      1,
      () => [then()],
      () => [otherwise()],
    );
    return value;
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

  const outside: GraphBuilder['outside'] = (name, build) => {
    if (names.has(name)) return name as Value;
    const outer = current;
    current = nodes;
    const value = build();
    current = outer;
    return value;
  };

  const content = (): GraphContent => {
    const missing = signature.outputs.find((output) => !outputsSet.has(output.name));
    if (missing) throw new Error(`graph ${graphName}: output ${missing.name} was never set`);
    return { name: graphName, signature, nodes: renameValues(nodes, renamed), initializers };
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
      // What a node makes becomes the output itself: a node between them would copy it in every run.
      if (!renamed.has(source) && nodes.some((node) => node.outputs.includes(source))) {
        renamed.set(source, name);
        return;
      }
      nodes.push({
        name: `/${name}`,
        type: 'Identity',
        domain: '',
        inputs: [source],
        outputs,
        attributes: {},
      });
    },
    node: addNode,
    nodes: addNodes,
    loop,
    branch,
    branches,
    int64: (values) => constant('int64', values),
    float32: (values) => constant('float32', values),
    float16(value) {
      const [bits = 0] = toHalves(Float32Array.of(value));
      const raw = Uint8Array.of(bits & 0xff, bits >> 8);
      return initializer(`float16 ${value}`, 'float16', [], { raw });
    },
    uint8: (value) => initializer(`uint8 ${value}`, 'uint8', [], { raw: Uint8Array.of(value) }),
    int8: (value) =>
      initializer(`int8 ${value}`, 'int8', [], { raw: bytesOf(Int8Array.of(value)) }),
    external(tensor) {
      const found = stored(tensor);
      if (tensor.type === 'float32') return found;
      const cast = `/${found}/float32`;
      return outside(cast, () => addNode(cast, 'Cast', [found], { to: ELEMENT_TYPES.float32 }));
    },
    outside,
    stored,
    content,
    encode: (opset) => encodeGraph(content(), opset),
  };
}
