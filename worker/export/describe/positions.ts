/** Position tables of an FM: their lengths, which the graphs would read past, or at wrong places. */
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { ExportError } from '../errors.ts';

/**
 * A picture's table has a row for each token of its grid, as a token's place is its row. A sequence's
 * table may be longer than any sequence; the published ones hold 512 rows.
 * @throws ExportError `wrong_shape`, naming the tensor and both shapes
 */
export function assertPositions(
  checkpoint: Checkpoint,
  modality: string,
  info: ModalityInfo,
  dim: number,
): void {
  for (const side of ['encoder', 'decoder'] as const) {
    const name = `${side}_embeddings.${modality}.pos_emb`;
    const tensor = checkpoint.tensors.get(name);
    if (!tensor) continue;
    const tokens = side === 'decoder' ? (info.max_length ?? info.max_tokens) : info.max_tokens;
    const [, rows = 0] = tensor.shape;
    const fits = info.type === 'img' ? rows === tokens : rows >= tokens;
    if (tensor.shape.length === 3 && fits) continue;
    const expected = info.type === 'img' ? `${tokens}` : `at least ${tokens}`;
    throw new ExportError(
      'wrong_shape',
      `${tensor.file}: tensor ${name} is [${tensor.shape.join(', ')}], [1, ${expected}, ${dim}] expected: ${modality} has ${info.type === 'img' ? '' : 'up to '}${tokens} tokens; a model of another size describes its modalities in modality_info (docs/models.md)`,
    );
  }
}
