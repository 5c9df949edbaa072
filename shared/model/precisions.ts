/**
 * The precisions a model can be exported in. Graphs take and give float32 in all of them; what differs is
 * how matrices, tables and convolution kernels are stored and multiplied. Everything else (norms,
 * positions, codebooks, biases) is small, decides between neighbours, and stays as it is.
 */
export const PRECISIONS = ['fp32', 'fp16', 'int8', 'int4'] as const;
export type Precision = (typeof PRECISIONS)[number];
