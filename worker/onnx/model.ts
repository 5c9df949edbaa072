/** ONNX messages as bytes. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
import type { Dimension } from '../../shared/model/signature.ts';
import { bytes, float, integer, message, text } from './protobuf.ts';

/** `TensorProto.DataType` of the element types that we read or write. */
export const ELEMENT_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
} as const;
export type ElementType = keyof typeof ELEMENT_TYPES;

/** A float has to be marked, as JavaScript's 1.0 is an integer. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly body: GraphBody };

/** A graph inside a node: what a loop repeats, or one branch of a condition. It sees the values around it. */
export interface GraphBody {
  readonly name: string;
  readonly inputs: readonly {
    readonly name: string;
    readonly type: ElementType;
    readonly dims: readonly Dimension[];
  }[];
  readonly outputs: readonly string[];
  readonly nodes: readonly GraphNode[];
}

/** Where an initializer's bytes are: inside the graph, or in a file beside it. */
export type TensorData =
  | { readonly raw: Uint8Array }
  | { readonly file: string; readonly offset: number; readonly length: number };

/** `TensorProto` */
export function tensorMessage(
  name: string,
  type: ElementType,
  dims: readonly number[],
  data: TensorData,
): Uint8Array {
  const entry = (key: string, value: string) => bytes(13, message(text(1, key), text(2, value)));
  const content =
    'raw' in data
      ? [bytes(9, data.raw)]
      : [
          entry('location', data.file),
          entry('offset', String(data.offset)),
          entry('length', String(data.length)),
          integer(14, 1), // data_location = EXTERNAL
        ];
  return message(
    ...dims.map((size) => integer(1, size)),
    integer(2, ELEMENT_TYPES[type]),
    text(8, name),
    ...content,
  );
}

/** `AttributeProto`; the last field says which of the others is set. */
function attributeMessage(name: string, value: Attribute): Uint8Array {
  if (typeof value === 'number') return message(text(1, name), integer(3, value), integer(20, 2));
  if (typeof value === 'string') return message(text(1, name), text(4, value), integer(20, 3));
  if ('float' in value) return message(text(1, name), float(2, value.float), integer(20, 1));
  if ('body' in value)
    return message(text(1, name), bytes(6, bodyMessage(value.body)), integer(20, 5));
  return message(text(1, name), ...value.map((item) => integer(8, item)), integer(20, 7));
}

const bodyMessage = ({ name, inputs, outputs, nodes }: GraphBody): Uint8Array =>
  message(
    ...nodes.map((node) => bytes(1, nodeMessage(node))),
    text(2, name),
    ...inputs.map((input) => bytes(11, valueMessage(input.name, input.type, input.dims))),
    ...outputs.map((output) => bytes(12, untypedValueMessage(output))),
  );

/** One operation; `''` among the inputs is an optional one left out. */
export interface GraphNode {
  readonly name: string;
  readonly type: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** `NodeProto` */
export function nodeMessage(node: GraphNode): Uint8Array {
  return message(
    ...node.inputs.map((name) => text(1, name)),
    ...node.outputs.map((name) => text(2, name)),
    text(3, node.name),
    text(4, node.type),
    ...Object.entries(node.attributes).map(([name, value]) =>
      bytes(5, attributeMessage(name, value)),
    ),
    text(7, node.domain),
  );
}

/** `ValueInfoProto` of a graph output that the runtime finds type and shape of. */
export const untypedValueMessage = (name: string): Uint8Array => message(text(1, name));

/** `ValueInfoProto` of a graph input or output. */
export function valueMessage(
  name: string,
  type: ElementType,
  dims: readonly Dimension[],
): Uint8Array {
  const shape = dims.map((size) =>
    bytes(1, typeof size === 'number' ? integer(1, size) : text(2, size)),
  );
  const tensorType = message(integer(1, ELEMENT_TYPES[type]), bytes(2, message(...shape)));
  return message(text(1, name), bytes(2, bytes(1, tensorType)));
}

const MICROSOFT = 'com.microsoft';
/** Operators outside the standard that we use: some take PyTorch's (out, in) weights as they lie. */
const MICROSOFT_OPERATORS = new Set(['FusedMatMul', 'MatMulNBits', 'MatMulIntegerToFloat']);

/** @param name `com.microsoft.` before it where the standard has an operator of that name as well */
export function operatorOf(name: string): { readonly type: string; readonly domain: string } {
  const type = name.replace(`${MICROSOFT}.`, '');
  const isTheirs = type !== name || MICROSOFT_OPERATORS.has(type);
  return { type, domain: isTheirs ? MICROSOFT : '' };
}

/** As run by onnxruntime 1.23 and later. */
const IR_VERSION = 11;
/** Versions of the standard operators that graphs ask for. */
export const OPSET = 23;
/**
 * Those of graphs for CUDA. The runtime's provider has no kernels of the versions of `Pad`, `Equal`, `ReduceMax`
 * and `ReduceMin` that came later: it would have them done by the CPU, and copy what they read and give.
 */
export const CUDA_OPSET = 18;
export type Opset = typeof OPSET | typeof CUDA_OPSET;

/** `ModelProto` */
export function modelMessage(model: {
  graphName: string;
  nodes: readonly Uint8Array[];
  initializers: readonly Uint8Array[];
  inputs: readonly Uint8Array[];
  outputs: readonly Uint8Array[];
  opset?: Opset;
}): Uint8Array {
  const opsets = { '': model.opset ?? OPSET, [MICROSOFT]: 1 };
  const graph = message(
    ...model.nodes.map((node) => bytes(1, node)),
    text(2, model.graphName),
    ...model.initializers.map((tensor) => bytes(5, tensor)),
    ...model.inputs.map((value) => bytes(11, value)),
    ...model.outputs.map((value) => bytes(12, value)),
  );
  return message(
    integer(1, IR_VERSION),
    text(2, '4m-edge'),
    bytes(7, graph),
    ...Object.entries(opsets).map(([domain, version]) =>
      bytes(8, message(text(1, domain), integer(2, version))),
    ),
  );
}
