/** A feature map as colours: its three principal components, each scaled to the full range. */

/** Unit vector of the largest eigenvalue of a symmetric matrix (n, n), by power iteration. */
function leadingVector(matrix: Float64Array, n: number): { vector: Float64Array; value: number } {
  // A fixed start that no symmetry of a picture is likely to be orthogonal to.
  let vector: Float64Array = Float64Array.from({ length: n }, (_, i) => Math.cos(i * i + 1));
  let value = 0;
  for (let iteration = 0; iteration < 60; iteration++) {
    const next = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += (matrix[i * n + j] ?? 0) * (vector[j] ?? 0);
      next[i] = sum;
    }
    value = Math.hypot(...next);
    if (value < 1e-12) break;
    vector = next.map((entry) => entry / value);
  }
  return { vector, value };
}

/** Products of all pairs of positions (n, n), summed over the centred channels. */
function gramMatrix(features: Float32Array, channels: number, n: number): Float64Array {
  const gram = new Float64Array(n * n);
  for (let channel = 0; channel < channels; channel++) {
    const plane = features.subarray(channel * n, (channel + 1) * n);
    const mean = plane.reduce((sum, value) => sum + value / n, 0);
    const centred = Float64Array.from(plane, (value) => value - mean);
    for (let i = 0; i < n; i++) {
      const own = centred[i] ?? 0;
      for (let j = i; j < n; j++)
        gram[i * n + j] = (gram[i * n + j] ?? 0) + own * (centred[j] ?? 0);
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) gram[i * n + j] = gram[j * n + i] ?? 0;
  return gram;
}

/**
 * Pixels (n, 3) of the first three principal components of a map. Works on the (n, n) Gram matrix of
 * the positions, which is smaller than the covariance of the channels.
 * @param features (channels, n)
 */
export function principalColours(features: Float32Array, channels: number, n: number): Uint8Array {
  const gram = gramMatrix(features, channels, n);
  const pixels = new Uint8Array(n * 3);
  for (let component = 0; component < 3; component++) {
    const { vector, value } = leadingVector(gram, n);
    const low = Math.min(...vector);
    const range = Math.max(...vector) - low || 1;
    for (const [i, entry] of vector.entries()) {
      pixels[i * 3 + component] = Math.round(((entry - low) / range) * 255);
      for (const [j, other] of vector.entries())
        gram[i * n + j] = (gram[i * n + j] ?? 0) - value * entry * other;
    }
  }
  return pixels;
}
