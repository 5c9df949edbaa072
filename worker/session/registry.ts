/** Loads exported folders: reads and checks their manifests, then opens every graph in one thread. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import type { z } from 'zod';
import {
  type FmManifest,
  fmManifestSchema,
  type Manifest,
  type ModelSet,
  modelSetSchema,
  type VqManifest,
  vqManifestSchema,
} from '../../shared/model/manifest.ts';
import {
  decoderSignature,
  encoderSignature,
  type GraphSignature,
  vqDecoderSignature,
  vqEncoderSignature,
} from '../../shared/model/signature.ts';
import type { ThreadOptions } from './messages.ts';
import { type Runtime, startRuntime } from './runtime.ts';
import { openGraph } from './session.ts';
import { type GraphSession, type LoadedModelSet, SessionError } from './types.ts';

/** The signatures of an exported model's graphs. */
export function signaturesOf(manifest: Manifest): Record<'encoder' | 'decoder', GraphSignature> {
  if (manifest.kind === 'fm') {
    const { config, modalities } = manifest;
    return {
      encoder: encoderSignature(config, modalities),
      decoder: decoderSignature(config, modalities),
    };
  }
  return {
    encoder: vqEncoderSignature(manifest.config),
    decoder: vqDecoderSignature(manifest.config),
  };
}

/**
 * Loads a set: an FM, its tokenizers, and the place of the text tokenizer.
 * @param folder holds `set.json`
 * @throws SessionError naming the file, field, path or graph that is wrong; nothing stays loaded then
 */
export async function loadModelSet(
  folder: string,
  options: ThreadOptions = {},
): Promise<LoadedModelSet> {
  const set: ModelSet = await readJson(folder, 'set.json', modelSetSchema);
  const runtime = startRuntime(options);
  try {
    const fm = await loadModel<FmManifest>(runtime, folder, set.fm, fmManifestSchema);
    const tokenizers: Record<string, VqManifest> = {};
    const tokenizerEncoders: Record<string, GraphSession> = {};
    const tokenizerDecoders: Record<string, GraphSession> = {};
    for (const [stem, path] of Object.entries(set.tokenizers)) {
      const loaded = await loadModel<VqManifest>(runtime, folder, path, vqManifestSchema);
      tokenizers[stem] = loaded.manifest;
      tokenizerEncoders[stem] = loaded.encoder;
      tokenizerDecoders[stem] = loaded.decoder;
    }
    return {
      set,
      fm: fm.manifest,
      tokenizers,
      encoder: fm.encoder,
      decoder: fm.decoder,
      tokenizerEncoders,
      tokenizerDecoders,
      textTokenizerFile: await inside(folder, set.text_tokenizer),
      close: () => runtime.close(),
    };
  } catch (error) {
    await runtime.close();
    throw error;
  }
}

export interface LoadedModel<M extends Manifest> {
  readonly manifest: M;
  readonly encoder: GraphSession;
  readonly decoder: GraphSession;
}

/**
 * Loads one exported model of a folder into a thread.
 * @param path sub-folder with a `model.json`, relative to `folder`
 * @throws SessionError
 */
export async function loadModel<M extends Manifest>(
  runtime: Runtime,
  folder: string,
  path: string,
  schema: z.ZodType<M>,
): Promise<LoadedModel<M>> {
  const home = await inside(folder, path);
  const manifest: M = await readJson(home, 'model.json', schema);
  for (const weights of manifest.weights) await inside(home, weights);
  const signatures = signaturesOf(manifest);
  const openSide = async (side: 'encoder' | 'decoder') => {
    const { file, bytes } = manifest.graphs[side];
    const location = await inside(home, file);
    const { size } = await stat(location);
    if (size !== bytes)
      throw new SessionError(`${location}: ${size} bytes, ${bytes} in model.json`);
    return openGraph(runtime, `${path}/${side}`, location, signatures[side]);
  };
  return { manifest, encoder: await openSide('encoder'), decoder: await openSide('decoder') };
}

async function readJson<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T> {
  const file = await inside(folder, name);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new SessionError(`${file}: not JSON`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new SessionError(`${file}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return parsed.data;
}

/** Absolute path of a file of the folder; what leaves it, by `..` or by a link, is refused. */
async function inside(folder: string, path: string): Promise<string> {
  try {
    const home = await realpath(folder);
    const target = await realpath(join(home, path));
    const way = relative(home, target);
    if (isAbsolute(path) || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way))
      throw new SessionError(`${join(folder, path)} lies outside ${folder}`);
    return target;
  } catch (cause) {
    if (cause instanceof SessionError) throw cause;
    throw new SessionError(`${join(folder, path)}: cannot be read`, { cause });
  }
}
