/** Opens a checkpoint under the names that its model's own tensors have. */
import { type Checkpoint, openCheckpoint } from '../safetensors/checkpoint.ts';
import { withoutPrefix, wrapperPrefix } from '../safetensors/prefix.ts';
import { ExportError } from './errors.ts';

/** One of these is in every file of a 4M model, a tokenizer or a head. */
const TELLING_TENSORS = [
  'encoder_norm.weight',
  'decoder_norm.weight',
  'quant_proj.weight',
  'output_head.2.weight',
];

export interface OpenOptions {
  /** Takes only the tensors whose names begin with it, and takes it away. */
  readonly stripPrefix?: string | undefined;
  /** One of several models, of which not every one needs to have that prefix. */
  readonly isMember?: boolean | undefined;
}

/**
 * Prefixes of well-known training wrappers are taken away; another one has to be told.
 * @throws ExportError `config`, naming a tensor with a prefix that is not known; as `openCheckpoint`
 */
export async function openModel(file: string, options: OpenOptions = {}): Promise<Checkpoint> {
  const opened = await openCheckpoint(file);
  try {
    const checkpoint = stripped(opened, options);
    const named = withoutPrefix(checkpoint, wrapperPrefix(checkpoint.tensors.keys()));
    refuseUnknownPrefix(named);
    return named;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function stripped(opened: Checkpoint, { stripPrefix, isMember }: OpenOptions): Checkpoint {
  if (!stripPrefix) return opened;
  const prefix = stripPrefix.endsWith('.') ? stripPrefix : `${stripPrefix}.`;
  const isThere = [...opened.tensors.keys()].some((name) => name.startsWith(prefix));
  return isMember && !isThere ? opened : withoutPrefix(opened, prefix);
}

function refuseUnknownPrefix({ file, tensors }: Checkpoint): void {
  if (TELLING_TENSORS.some((name) => tensors.has(name))) return;
  for (const telling of TELLING_TENSORS)
    for (const name of tensors.keys()) {
      if (!name.endsWith(`.${telling}`)) continue;
      const prefix = name.slice(0, -telling.length);
      throw new ExportError(
        'config',
        `${file}: tensor ${name}: the name begins with "${prefix}", which is not the model's own; repeat with --strip-prefix ${prefix}`,
      );
    }
}
