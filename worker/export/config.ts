/** What a checkpoint says about itself: its config, its modalities and its transformer sizes. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import {
  type FmConfig,
  fmConfigSchema,
  type VitPreset,
  type VqConfig,
  vitPresetSchema,
  vqConfigSchema,
} from '../../shared/model/config.ts';
import { type ModalityInfo, resolveModalities } from '../../shared/model/modalities.ts';
import type { Checkpoint } from '../safetensors/checkpoint.ts';
import { ExportError } from './errors.ts';
import { assertSupported, isMlp, presetOf } from './vqModel.ts';

/** What the caller knows of a checkpoint that its metadata does not say. */
export interface CheckpointExtras {
  /** Entries like the metadata key `modality_info`. */
  readonly modalityInfo?: Readonly<Record<string, unknown>>;
  /** Entries like the metadata key `vit_presets`. */
  readonly vitPresets?: Readonly<Record<string, unknown>>;
}

export type Described =
  | {
      readonly kind: 'fm';
      readonly config: FmConfig;
      readonly modalities: Record<string, ModalityInfo>;
    }
  | {
      readonly kind: 'vqvae';
      readonly config: VqConfig;
      readonly vit_presets: Record<string, VitPreset>;
    };

/** @throws ExportError `config`, `unsupported`, naming the key at fault */
export async function describeCheckpoint(
  checkpoint: Checkpoint,
  extras: CheckpointExtras,
): Promise<Described> {
  const raw = await rawConfig(checkpoint);
  if ('domains_in' in raw) return describeFm(checkpoint, raw, extras);
  if ('enc_type' in raw) return describeVq(checkpoint, raw, extras);
  throw new ExportError(
    'not_a_checkpoint',
    `${checkpoint.file}: neither its metadata nor a config.json beside it is a 4M config`,
  );
}

type RawConfig = Readonly<Record<string, unknown>>;

/** The metadata, or `config.json` beside the file (possibly under a key `config`) where it has none. */
async function rawConfig(checkpoint: Checkpoint): Promise<RawConfig> {
  if ('domains_in' in checkpoint.config || 'enc_type' in checkpoint.config)
    return checkpoint.config;
  const file = join(dirname(checkpoint.file), 'config.json');
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {};
    throw new ExportError('config', `${file}: cannot be read as JSON`, { cause });
  }
  const object = z.record(z.string(), z.unknown()).safeParse(json).data ?? {};
  return z.record(z.string(), z.unknown()).safeParse(object.config).data ?? object;
}

function parseWith<T>(
  checkpoint: Checkpoint,
  what: string,
  schema: z.ZodType<T>,
  value: unknown,
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = [what, ...(issue?.path ?? [])].join('.');
  throw new ExportError('config', `${checkpoint.file}: ${place}: ${issue?.message}`);
}

/** One of our own metadata keys, which hold JSON objects. */
function jsonKey(checkpoint: Checkpoint, key: string): Record<string, unknown> {
  const text = checkpoint.metadata[key];
  if (text === undefined) return {};
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (cause) {
    throw new ExportError('config', `${checkpoint.file}: ${key} is not a JSON object`, { cause });
  }
}

function describeFm(checkpoint: Checkpoint, raw: RawConfig, extras: CheckpointExtras): Described {
  const config = parseWith(checkpoint, 'config', fmConfigSchema, raw);
  if (config.num_register_tokens > 0)
    throw new ExportError('unsupported', `${checkpoint.file}: register tokens are not supported`);
  if (config.dim % config.num_heads !== 0)
    throw new ExportError(
      'config',
      `${checkpoint.file}: dim ${config.dim} is not a multiple of num_heads ${config.num_heads}`,
    );
  const names = [...new Set([...config.domains_in, ...config.domains_out])];
  const info = { ...jsonKey(checkpoint, 'modality_info'), ...extras.modalityInfo };
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
  for (const name of config.domains_out)
    if (!modalities[name]!.vocab_size)
      throw new ExportError('config', `${checkpoint.file}: ${name} has no vocabulary to predict`);
  return { kind: 'fm', config, modalities };
}

/** Kind of content, vocabulary and width as the weights have them: checkpoints may differ from the table. */
function sized(checkpoint: Checkpoint, name: string, info: ModalityInfo): ModalityInfo {
  const shapeOf = (tensor: string) => checkpoint.tensors.get(tensor)?.shape;
  const vocabulary = ['encoder', 'decoder'].flatMap(
    (side) => shapeOf(`${side}_embeddings.${name}.token_emb.weight`)?.[0] ?? [],
  )[0];
  const width = shapeOf(`encoder_embeddings.${name}.emb_proj.weight`)?.[1];
  return {
    ...info,
    pixels: info.pixels || shapeOf(`encoder_embeddings.${name}.proj.weight`) !== undefined,
    ...(vocabulary !== undefined && { vocab_size: vocabulary }),
    ...(width !== undefined && { embedding_size: width }),
  };
}

function describeVq(checkpoint: Checkpoint, raw: RawConfig, extras: CheckpointExtras): Described {
  if (
    'beta_schedule' in raw ||
    'num_train_timesteps' in raw ||
    /unet|uvit/i.test(String(raw.dec_type))
  )
    throw new ExportError(
      'unsupported',
      `${checkpoint.file}: diffusion decoders are not supported in this version (decoder ${raw.dec_type})`,
    );
  // The file's codes decide: a published config says 8 codebooks where the weights hold 16.
  const codes = checkpoint.tensors.get('quantize.codes')?.shape;
  const config = parseWith(checkpoint, 'config', vqConfigSchema, {
    ...raw,
    ...(codes && { num_codebooks: codes[0], codebook_size: codes[1] }),
  });
  assertSupported(config);
  const presets = parseWith(checkpoint, 'vit_presets', z.record(z.string(), vitPresetSchema), {
    ...jsonKey(checkpoint, 'vit_presets'),
    ...extras.vitPresets,
  });
  const types = [config.enc_type, config.dec_type].filter((type) => !isMlp(type));
  return {
    kind: 'vqvae',
    config,
    vit_presets: Object.fromEntries(types.map((type) => [type, presetOf(presets, type)])),
  };
}
