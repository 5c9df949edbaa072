/** The config of a checkpoint, wherever it is kept, and our own entries beside it. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { danglingLink } from '../../safetensors/links.ts';
import { parseYaml } from '../../safetensors/metadata.ts';
import { ExportError } from '../errors.ts';

/** What the caller knows of a checkpoint that its metadata does not say. */
export interface CheckpointExtras {
  /** Entries like the metadata key `modality_info`. */
  readonly modalityInfo?: Readonly<Record<string, unknown>>;
  /** Entries like the metadata key `vit_presets`; also of diffusion decoders. */
  readonly vitPresets?: Readonly<Record<string, unknown>>;
}

export type RawConfig = Readonly<Record<string, unknown>>;

const record = z.record(z.string(), z.unknown());

/** Keys of which one is in every 4M config. */
const TELLING_KEYS = ['domains_in', 'enc_type', 'encoder_depth'];

/**
 * The metadata, or the `config.json` of the file (possibly under a key `config`) where it has none.
 * @throws ExportError `config` where it cannot be read
 */
export async function rawConfig(checkpoint: Checkpoint): Promise<RawConfig> {
  if (TELLING_KEYS.some((key) => key in checkpoint.config)) return checkpoint.config;
  const json = (await jsonBeside(checkpoint, 'config.json')) ?? {};
  return record.safeParse(json.config).data ?? json;
}

/**
 * A JSON object beside the checkpoint: `fm.config.json` for `fm.safetensors`, as several checkpoints may
 * share a folder, else `config.json`, which is anyone's. Undefined where there is neither.
 * @throws ExportError `config` where it is not a JSON object
 */
export async function jsonBeside(
  checkpoint: Checkpoint,
  name: string,
): Promise<Record<string, unknown> | undefined> {
  const stem = basename(checkpoint.file).replace(/\.safetensors(\.index\.json)?$/, '');
  const folder = dirname(checkpoint.file);
  return (
    (await jsonObject(join(folder, `${stem}.${name}`))) ?? (await jsonObject(join(folder, name)))
  );
}

async function jsonObject(file: string): Promise<Record<string, unknown> | undefined> {
  try {
    return record.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    const problem = await danglingLink(file);
    if (problem) throw new ExportError('config', `${file}: ${problem}`, { cause });
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new ExportError('config', `${file}: cannot be read as a JSON object`, { cause });
  }
}

/** @throws ExportError `config`, naming the key at fault */
export function parseWith<T>(
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

/**
 * Entries that describe parts of a model by name, such as `modality_info`: from the `config.json` beside the
 * file, and over them from the metadata, where they are JSON, a Python repr or YAML.
 * @throws ExportError `config` where they are not an object
 */
export async function namedEntries(
  checkpoint: Checkpoint,
  key: string,
): Promise<Record<string, unknown>> {
  const json = (await jsonBeside(checkpoint, 'config.json')) ?? {};
  const nested = record.safeParse(json.config).data ?? {};
  const beside = entriesOf(json[key] ?? nested[key]);
  const own = entriesOf(checkpoint.metadata[key]);
  for (const [value, place] of [
    [beside, 'config.json'],
    [own, 'the metadata'],
  ] as const)
    if (!record.safeParse(value).success)
      throw new ExportError(
        'config',
        `${checkpoint.file}: ${key} of ${place} is not a JSON object`,
      );
  return { ...record.parse(beside), ...record.parse(own) };
}

/** None where there is no value; the value itself where it is not text. */
function entriesOf(value: unknown): unknown {
  if (typeof value !== 'string') return value ?? {};
  try {
    return JSON.parse(value);
  } catch {
    return parseYaml(value);
  }
}
