/** Types of the values in a graph, from its inputs and weights on, inside of bodies as well. */
import type { GraphContent } from '../../worker/onnx/graph.ts';
import { ELEMENT_TYPES, type ElementType, type GraphNode } from '../../worker/onnx/model.ts';

export interface TypedNode {
  readonly node: GraphNode;
  /** Of inputs that are there; '' for one that is left out. */
  readonly inputs: readonly (ElementType | '')[];
}

const NAMES = new Map<number, ElementType>(
  Object.entries(ELEMENT_TYPES).map(([name, number]) => [number, name as ElementType]),
);
const IS_BOOL = new Set(
  'And Or Not Xor Equal Greater GreaterOrEqual Less LessOrEqual IsNaN IsInf'.split(' '),
);
const IS_INT64 = new Set(['ArgMax', 'ArgMin', 'NonZero', 'Shape', 'Size']);

/** All nodes in an order in which they can be computed. @throws Error for a value that nobody makes */
export function typedNodes({ signature, nodes, initializers }: GraphContent): TypedNode[] {
  const types = new Map<string, ElementType>();
  for (const { name, type } of signature.inputs) types.set(name, type);
  for (const [name, { type }] of initializers) types.set(name, type);
  const found: TypedNode[] = [];
  const visit = (list: readonly GraphNode[]): void => {
    for (const node of list) {
      const inputs = node.inputs.map((name) => {
        const type = name === '' ? '' : types.get(name);
        if (type === undefined) throw new Error(`${node.name}: nobody makes ${name}`);
        return type;
      });
      found.push({ node, inputs });
      const outputs = outputTypes(node, inputs);
      node.outputs.forEach((name, i) => {
        types.set(name, outputs(i));
      });
    }
  };
  function outputTypes(
    node: GraphNode,
    inputs: readonly (ElementType | '')[],
  ): (i: number) => ElementType {
    const bodies = Object.values(node.attributes).flatMap((attribute) =>
      typeof attribute === 'object' && 'body' in attribute ? [attribute.body] : [],
    );
    for (const body of bodies) {
      for (const { name, type } of body.inputs) types.set(name, type);
      visit(body.nodes);
    }
    const typeOf = (name: string | undefined): ElementType => {
      const type = types.get(name ?? '');
      if (type === undefined) throw new Error(`${node.name}: nobody makes ${name}`);
      return type;
    };
    const [body] = bodies;
    // A loop's first output says whether it goes on.
    if (body) return (i) => typeOf(body.outputs[node.type === 'Loop' ? i + 1 : i]);
    const to = node.attributes.to;
    if (node.type === 'Cast') return () => typed(node, NAMES.get(Number(to)));
    if (IS_BOOL.has(node.type)) return () => 'bool';
    if (IS_INT64.has(node.type)) return () => 'int64';
    if (node.type === 'ConstantOfShape') return () => 'float32';
    if (node.type === 'EyeLike')
      return () => typed(node, NAMES.get(Number(node.attributes.dtype ?? 1)));
    if (node.type === 'TopK') return (i) => (i === 1 ? 'int64' : typed(node, inputs[0]));
    return () => typed(node, inputs[node.type === 'Where' ? 1 : 0]);
  }
  visit(nodes);
  return found;
}

function typed(node: GraphNode, type: ElementType | '' | undefined): ElementType {
  if (!type) throw new Error(`${node.name}: its type is not known`);
  return type;
}
