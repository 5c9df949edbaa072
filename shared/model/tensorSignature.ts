/** How the inputs and outputs of graphs are declared. */

export type TensorType = 'float32' | 'float16' | 'int64' | 'bool';
/** A number is fixed; a string names a dimension known at run time ('B' batch, 'N' tokens ...). */
export type Dimension = number | string;
export interface TensorSignature {
  readonly name: string;
  readonly type: TensorType;
  readonly dims: readonly Dimension[];
}
export interface GraphSignature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

export const int64 = (name: string, ...dims: Dimension[]): TensorSignature => ({
  name,
  type: 'int64',
  dims,
});
export const float = (name: string, ...dims: Dimension[]): TensorSignature => ({
  name,
  type: 'float32',
  dims,
});
export const bool = (name: string, ...dims: Dimension[]): TensorSignature => ({
  name,
  type: 'bool',
  dims,
});
