/** Exact values as NumPy's files. */
import { dataUrl } from '../image/png.ts';
import { writeNpy } from '../values/npy.ts';

export const NPY = 'application/x-npy';

/** Data URL of an `.npy` file: float32 values in C order. */
export const npyUrl = (values: Float32Array, dims: readonly number[]): string =>
  dataUrl(NPY, writeNpy(values, dims));
