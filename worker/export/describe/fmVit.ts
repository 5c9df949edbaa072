/**
 * What a backbone says about itself: a file of its own (`FMViT`), or an FM of which only the encoder is
 * wanted, with the head in the same file, in another, or nowhere.
 */
import { fmVitConfigSchema } from '../../../shared/model/config.ts';
import type { FmVitManifest } from '../../../shared/model/manifest.ts';
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { parseLabels } from '../../safetensors/labels.ts';
import { ExportError } from '../errors.ts';
import { type CheckpointExtras, parseWith, type RawConfig } from './checkpointConfig.ts';
import { describeModalities } from './fm.ts';

export type DescribedFmVit = Pick<FmVitManifest, 'kind' | 'config' | 'modalities' | 'labels'> & {
  /** An FM's own tensors that its encoder does without. */
  readonly unused: readonly string[];
};

const HEAD = 'output_head.';
/** LayerNorm, then Linear; the mean before them has no weights. */
const HEAD_TENSORS = ['1.weight', '1.bias', '2.weight', '2.bias'].map((name) => HEAD + name);
const DECODER_PARTS =
  /^(decoder\.|decoder_norm\.|decoder_proj_context\.|decoder_embeddings\.|mask_token$)/;
const EMBEDDING = /^encoder_embeddings\.(.+?)\.(?:pos_emb|mod_emb|token_emb|proj|emb_proj)(?:\.|$)/;

/** A backbone saved by itself may carry the config of the FM it was taken from; it has no decoder. */
export const isBackboneFile = (checkpoint: Checkpoint, raw: RawConfig): boolean =>
  'encoder_depth' in raw &&
  ![...checkpoint.tensors.keys()].some((name) => DECODER_PARTS.test(name));

/**
 * @param headFile a second file that holds the head's tensors and nothing else
 * @throws ExportError `config`, `unsupported`, `missing_tensor`, naming the file and the key or tensor at fault
 */
export async function describeFmVit(
  checkpoint: Checkpoint,
  raw: RawConfig,
  extras: CheckpointExtras,
  headFile?: Checkpoint,
): Promise<DescribedFmVit> {
  const config = parseWith(checkpoint, 'config', fmVitConfigSchema, {
    ...raw,
    domains_in: embeddedDomains(checkpoint, raw),
    classes: headClasses(headFile ?? checkpoint, headFile !== undefined),
  });
  const modalities = await describeModalities(checkpoint, config, config.domains_in, extras);
  const unused = [...checkpoint.tensors.keys()].filter((name) => DECODER_PARTS.test(name));
  const labels = headLabels(headFile ?? checkpoint, config.classes);
  return { kind: 'fmvit', config, modalities, ...(labels && { labels }), unused };
}

/** Modalities whose embeddings the file holds, in the config's order where that names them. */
function embeddedDomains(checkpoint: Checkpoint, raw: RawConfig): string[] {
  const held = new Set<string>();
  for (const name of checkpoint.tensors.keys()) {
    const modality = EMBEDDING.exec(name)?.[1];
    if (modality !== undefined) held.add(modality);
  }
  if (held.size === 0) {
    const [first = 'none'] = checkpoint.tensors.keys();
    throw new ExportError(
      'config',
      `${checkpoint.file}: config.domains_in: no tensor is named encoder_embeddings.*, so this is no 4M model; its first tensor is ${first}`,
    );
  }
  const listed = Array.isArray(raw.domains_in) ? raw.domains_in : [];
  const ordered = listed.filter((name): name is string => held.has(String(name)));
  return [...new Set([...ordered, ...held])];
}

/** Names of the classes, where the metadata of the head's file has a list `labels`. */
function headLabels({ file, metadata }: Checkpoint, classes: number | null): string[] | undefined {
  if (classes === null || metadata.labels === undefined) return undefined;
  const labels = parseLabels(metadata.labels);
  if (labels?.length === classes) return labels;
  const found = labels ? `${labels.length} names` : 'no list of names';
  throw new ExportError('config', `${file}: labels: ${found} for ${classes} classes`);
}

/**
 * Classes of the head, or null for none. The reference takes any module as the head and a file does not say
 * which, so only the one that its tensors tell for certain is known here.
 */
function headClasses(file: Checkpoint, required: boolean): number | null {
  const names = [...file.tensors.keys()].filter((name) => name.startsWith(HEAD));
  if (names.length === 0 && !required) return null;
  const unknown = names.find((name) => !HEAD_TENSORS.includes(name));
  if (unknown !== undefined)
    throw new ExportError(
      'unsupported',
      `${file.file}: tensor ${unknown}: a head is the mean over tokens, a LayerNorm (output_head.1) and a Linear (output_head.2)`,
    );
  for (const name of ['output_head.1.weight', 'output_head.2.weight'])
    if (!file.tensors.has(name))
      throw new ExportError('missing_tensor', `${file.file}: tensor ${name} is missing`);
  return file.tensors.get('output_head.2.weight')?.shape[0] ?? null;
}
