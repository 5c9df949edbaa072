/** What the worker that computes nothing answers of vectors: numbers that depend on the item alone. */
import { createHash } from 'node:crypto';
import type { EmbedResponse } from '../../shared/api/embed.ts';
import type { Model } from '../../shared/api/models.ts';
import { type WorkerEmbedRequest, workerEmbedRequestSchema } from '../../shared/api/worker.ts';

export const FAKE_DIMENSIONS = 8;

/** A vector of an item's JSON. */
export function fakeVector(inputs: unknown): number[] {
  const bytes = createHash('sha256').update(JSON.stringify(inputs)).digest();
  return [...bytes.subarray(0, FAKE_DIMENSIONS)].map((byte) => byte / 256);
}

export function embedded(asked: WorkerEmbedRequest, model: Model): EmbedResponse {
  const { request } = workerEmbedRequestSchema.parse(asked);
  const { id, digest, licence, precision } = model;
  const given = request.items?.map(({ inputs }) => inputs) ?? [request.inputs];
  const valuesOf = (inputs: unknown) => {
    const numbers = fakeVector(inputs);
    if (request.format === 'array') return numbers;
    return Buffer.from(Float32Array.from(numbers).buffer).toString('base64');
  };
  return {
    id: asked.id,
    model: { id, digest, licence, precision },
    ...(request.target !== undefined && { target: request.target }),
    ...(request.features && { features: request.features }),
    dimensions: FAKE_DIMENSIONS,
    normalised: request.normalise,
    encoding: request.encoding,
    items: given.map((inputs) => ({ embedding: { values: valuesOf(inputs) } })),
    usage: {
      encoder_passes: given.length,
      decoder_passes: 1,
      units: 17,
      input_tokens: 5 * given.length,
      generated_tokens: 1,
      milliseconds: performance.now(),
    },
  };
}
