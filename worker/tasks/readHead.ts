/** The task of reading a head that was sent as a file: what it says of itself, once it is sure that it fits. */
import type { Model } from '../../shared/api/models.ts';
import type { MadeHead } from '../../shared/api/worker.ts';
import { assertWidth } from '../../shared/plan/classify.ts';
import { inThread } from '../threads/inThread.ts';

/**
 * @param file base64
 * @throws FailureError `invalid_head`, `head_mismatch`; the signal's reason
 */
export async function runReadHead(
  { name, file }: { readonly name: string; readonly file: string },
  model: Model,
  signal?: AbortSignal,
): Promise<MadeHead> {
  const bytes = new Uint8Array(Buffer.from(file, 'base64'));
  const head = await inThread('readHead', bytes, { signal, transfer: [bytes.buffer] });
  const { weights, features, normalised } = head;
  assertWidth({ features, width: weights.width }, model, '');
  const labels = head.labels ?? Array.from({ length: weights.classes }, (_, k) => String(k));
  const { width } = weights;
  return {
    head: {
      name,
      source: 'upload',
      model: model.id,
      model_digest: model.digest,
      ...(normalised && { normalised }),
      features,
      width,
      labels: [...labels],
    },
    file,
  };
}
