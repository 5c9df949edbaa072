/** What an FM checkpoint says about itself: its config and its modalities. */
import { fieldOf } from '../../../shared/lookup.ts';
import { fmConfigSchema } from '../../../shared/model/config.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import {
  type Knowledge,
  knowledgeSchema,
  type ModalityInfo,
  resolveModalities,
} from '../../../shared/model/modalities.ts';
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { ExportError } from '../errors.ts';
import {
  type CheckpointExtras,
  namedEntries,
  parseWith,
  type RawConfig,
} from './checkpointConfig.ts';
import { assertPositions } from './positions.ts';

export type DescribedFm = Pick<FmManifest, 'kind' | 'config' | 'modalities' | 'knows'>;

/**
 * `decoder_causal_mask` and `decoder_sep_mask` are not looked at: they are about training, where several
 * targets share a pass. In generation targets are decoded one at a time, under masks of the generation's own.
 * @throws ExportError `config`, naming the key at fault
 */
export async function describeFm(
  checkpoint: Checkpoint,
  raw: RawConfig,
  extras: CheckpointExtras,
): Promise<DescribedFm> {
  const parsed = parseWith(checkpoint, 'config', fmConfigSchema, {
    ...raw,
    domains_in: embedded(raw.domains_in),
    domains_out: embedded(raw.domains_out),
  });
  const names = [...new Set([...parsed.domains_in, ...parsed.domains_out])];
  const modalities = await describeModalities(checkpoint, parsed, names, extras);
  const config = { ...parsed, domains_out: predictable(parsed.domains_out, modalities) };
  if (config.domains_out.length === 0)
    throw new ExportError(
      'config',
      `${checkpoint.file}: config.domains_out has nothing to predict`,
    );
  for (const name of config.domains_out)
    if (!fieldOf(modalities, name, 'modalities').vocab_size)
      throw new ExportError('config', `${checkpoint.file}: ${name} has no vocabulary to predict`);
  const knows = await knowledgeOf(checkpoint);
  return { kind: 'fm', config, modalities, ...(knows && { knows }) };
}

/** @throws ExportError `config` where the checkpoint says it in another form */
async function knowledgeOf(checkpoint: Checkpoint): Promise<Knowledge | undefined> {
  const said = await namedEntries(checkpoint, 'knows');
  return Object.keys(said).length === 0
    ? undefined
    : parseWith(checkpoint, 'knows', knowledgeSchema, said);
}

/** Training data that the published configs list among the modalities, and that no model embeds. */
const NEVER_EMBEDDED: readonly unknown[] = ['sam_mask', 'mask_valid'];

/** Domains of a config without those that the model has no part for; anything but a list is left alone. */
export const embedded = (domains: unknown): unknown =>
  Array.isArray(domains) ? domains.filter((name) => !NEVER_EMBEDDED.includes(name)) : domains;

/** Outputs without pixels and rows of a text encoder, which are known and never predicted. */
const predictable = (
  names: readonly string[],
  modalities: Readonly<Record<string, ModalityInfo>>,
): string[] =>
  names.filter((name) => {
    const { pixels, type } = fieldOf(modalities, name, 'modalities');
    return !pixels && type !== 'seq_emb';
  });

/**
 * The modalities of an FM or of a backbone, as the weights have them.
 * @throws ExportError `config`, `wrong_shape`
 */
export async function describeModalities(
  checkpoint: Checkpoint,
  config: { readonly dim: number; readonly num_heads: number },
  names: readonly string[],
  extras: CheckpointExtras,
): Promise<Record<string, ModalityInfo>> {
  if (config.dim % config.num_heads !== 0)
    throw new ExportError(
      'config',
      `${checkpoint.file}: dim ${config.dim} is not a multiple of num_heads ${config.num_heads}`,
    );
  const info = {
    ...(await namedEntries(checkpoint, 'modality_info')),
    ...extras.modalityInfo,
  };
  let resolved: Record<string, ModalityInfo>;
  try {
    resolved = resolveModalities(names, info);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new ExportError('config', `${checkpoint.file}: ${problem}`, { cause });
  }
  const modalities = Object.fromEntries(
    Object.entries(resolved).map(([name, entry]) => [name, sized(checkpoint, name, entry)]),
  );
  for (const [name, entry] of Object.entries(modalities))
    assertPositions(checkpoint, name, entry, config.dim);
  return modalities;
}

/** Kind of content, vocabulary and width as the weights have them: checkpoints may differ from the table. */
function sized(checkpoint: Checkpoint, name: string, info: ModalityInfo): ModalityInfo {
  const shapeOf = (tensor: string) => checkpoint.tensors.get(tensor)?.shape;
  const vocabulary = ['encoder', 'decoder'].flatMap(
    (side) => shapeOf(`${side}_embeddings.${name}.token_emb.weight`)?.[0] ?? [],
  )[0];
  const width = ['emb_proj.weight', 'emb_proj.0.weight'].flatMap(
    (tensor) => shapeOf(`encoder_embeddings.${name}.${tensor}`)?.[1] ?? [],
  )[0];
  return {
    ...info,
    pixels: info.pixels || shapeOf(`encoder_embeddings.${name}.proj.weight`) !== undefined,
    ...(vocabulary !== undefined && { vocab_size: vocabulary }),
    ...(width !== undefined && { embedding_size: width }),
  };
}
