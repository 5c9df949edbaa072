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
      for (let j = 0; j < n; j++) sum += matrix[i * n + j]! * vector[j]!;
      next[i] = sum;
    }
    value = Math.hypot(...next);
    if (value < 1e-12) break;
    vector = next.map((entry) => entry / value);
  }
  return { vector, value };
}

/**
 * Pixels (n, 3) of the first three principal components of a map. Works on the (n, n) Gram matrix of
 * the positions, which is smaller than the covariance of the channels.
 * @param features (channels, n)
 */
export function principalColours(features: Float32Array, channels: number, n: number): Uint8Array {
  const gram = new Float64Array(n * n);
  const centred = new Float64Array(n);
  for (let channel = 0; channel < channels; channel++) {
    let mean = 0;
    for (let i = 0; i < n; i++) mean += features[channel * n + i]! / n;
    for (let i = 0; i < n; i++) centred[i] = features[channel * n + i]! - mean;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) gram[i * n + j]! += centred[i]! * centred[j]!;
    }
  }
  const pixels = new Uint8Array(n * 3);
  for (let component = 0; component < 3; component++) {
    const { vector, value } = leadingVector(gram, n);
    const low = Math.min(...vector);
    const range = Math.max(...vector) - low || 1;
    for (let i = 0; i < n; i++) {
      pixels[i * 3 + component] = Math.round(((vector[i]! - low) / range) * 255);
      for (let j = 0; j < n; j++) gram[i * n + j]! -= value * vector[i]! * vector[j]!;
    }
  }
  return pixels;
}
