/** Loads exported folders: reads and checks their manifests, then opens every graph in one thread. */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type * as z from 'zod';
import { fieldOf, present } from '../../shared/lookup.ts';
import type { GraphForm } from '../../shared/model/graphForms.ts';
import {
  type FmManifest,
  fmManifestSchema,
  graphsIn,
  type Manifest,
  type ModelSet,
  modelSetSchema,
  type TokenizerManifest,
  tokenizerManifestSchema,
} from '../../shared/model/manifest.ts';
import { signaturesOf } from '../../shared/model/signature.ts';
import {
  codebookProblem,
  tokenizerEntries,
  vocabularyProblem,
} from '../../shared/model/vocabulary.ts';
import { CPU, type Device, precisionProblem } from './devices.ts';
import { inside, parsedJson, readJson } from './folderFiles.ts';
import { formFor } from './graphForm.ts';
import type { ThreadOptions } from './messages.ts';
import { type Runtime, startRuntime } from './runtime.ts';
import { openGraph } from './session.ts';
import {
  type GraphSession,
  type LoadedModelSet,
  type LoadedTokenizer,
  SessionError,
  ThreadEndedError,
} from './types.ts';

export interface LoadOptions extends ThreadOptions {
  /** Also loads an FM's `encoder` and `decoder`, whose weights take memory again. */
  readonly plain?: boolean;
  /** The form of the graphs, where there are any in it; what the device and the processor need when left out. */
  readonly form?: GraphForm | undefined;
  /** Stops between two graphs; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads a set: an FM, its tokenizers, and the place of the text tokenizer.
 * @param folder holds `set.json`
 * @throws SessionError naming the file, field, path or graph that is wrong; nothing stays loaded then
 */
export async function loadModelSet(
  folder: string,
  options: LoadOptions = {},
): Promise<LoadedModelSet> {
  const set: ModelSet = await readJson(folder, 'set.json', modelSetSchema);
  const { threads, device = CPU, form, signal } = options;
  const thread = { device, ...(threads !== undefined && { threads }) };
  const runtime = startRuntime(thread);
  // Of their own, so that a finished target is decoded while the next one is generated.
  const decoding = startRuntime(thread);
  const close = async () => {
    await Promise.all([runtime.close(), decoding.close()]);
  };
  try {
    const names = options.plain ? undefined : ['generate', 'write'];
    const how = { device, signal, form };
    const fm = await loadModel<FmManifest>(runtime, folder, set.fm, fmManifestSchema, {
      ...how,
      names,
    });
    const { generate, write, encoder, decoder } = fm.graphs;
    const tokenizers: Record<string, LoadedTokenizer> = {};
    for (const [stem, path] of Object.entries(set.tokenizers))
      tokenizers[stem] = asTokenizer(
        await loadModel<TokenizerManifest>(decoding, folder, path, tokenizerManifestSchema, how),
      );
    const textTokenizerFile = await inside(
      folder,
      present(set.text_tokenizer, `text_tokenizer of ${folder}`),
    );
    await assertVocabularies(textTokenizerFile, fm.manifest, tokenizers);
    return {
      set,
      device,
      form: fm.form,
      fm: fm.manifest,
      tokenizers,
      generate,
      ...(write && { write }),
      ...(options.plain && { plain: { encoder, decoder } }),
      textTokenizerFile,
      died: Promise.race([runtime.died, decoding.died]),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws SessionError, naming both numbers, where a tokenizer has ids that the model's tables do not */
export async function assertVocabularies(
  textTokenizerFile: string,
  { modalities }: Pick<FmManifest, 'modalities'>,
  tokenizers: Readonly<Record<string, LoadedTokenizer>>,
): Promise<void> {
  const json = await parsedJson(textTokenizerFile);
  const problem = vocabularyProblem(tokenizerEntries(json), modalities);
  if (problem) throw new SessionError(`${textTokenizerFile}: ${problem}`);
  for (const [stem, { manifest }] of Object.entries(tokenizers)) {
    const mismatch = codebookProblem(stem, manifest.config, modalities);
    if (mismatch) throw new SessionError(`${dirname(textTokenizerFile)}: ${mismatch}`);
  }
}

/** A session for each graph that its manifest has. */
type Sessions<M extends Manifest> = { readonly [Name in keyof M['graphs']]: GraphSession };

export interface LoadedModel<M extends Manifest> {
  readonly manifest: M;
  /** Of the graphs that are loaded. */
  readonly form: GraphForm;
  readonly graphs: Sessions<M>;
}

export interface LoadModelOptions {
  /** The graphs to load, all of them when left out. */
  readonly names?: readonly string[] | undefined;
  /** What the thread runs graphs on. */
  readonly device?: Device;
  /** The form of the graphs, where there are any in it; what the device and the processor need when left out. */
  readonly form?: GraphForm | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads one exported model of a folder into a thread.
 * @param path sub-folder with a `model.json`, relative to `folder`
 * @throws SessionError; the signal's reason
 */
export async function loadModel<M extends Manifest>(
  runtime: Runtime,
  folder: string,
  path: string,
  schema: z.ZodType<M>,
  { names, device = CPU, signal, form }: LoadModelOptions = {},
): Promise<LoadedModel<M>> {
  const home = await inside(folder, path);
  const manifest: M = await readJson(home, 'model.json', schema);
  const problem = precisionProblem(device, manifest.precision);
  if (problem !== undefined) throw new SessionError(`${join(home, 'model.json')}: ${problem}`);
  for (const weights of manifest.weights) await inside(home, weights);
  const loaded = form ?? (await formFor(runtime, home, manifest, device));
  const graphs: Record<string, GraphSession> = {};
  for (const [name, signature] of Object.entries(signaturesOf(manifest))) {
    if (names && !names.includes(name)) continue;
    const files = graphsIn(manifest, loaded) ?? manifest.graphs;
    const { file, bytes } = present(
      fieldOf(files, name, 'the graphs of model.json'),
      `graph ${name}`,
    );
    const location = await inside(home, file);
    const { size } = await stat(location);
    if (size !== bytes)
      throw new SessionError(`${location}: ${size} bytes, ${bytes} in model.json`);
    graphs[name] = await openGraph(runtime, `${path}/${name}`, location, signature, signal).catch(
      (cause: unknown) => {
        const isOfDevice = device.kind !== 'cpu' && isOfRuntime(cause);
        throw signal?.aborted || isOfDevice ? cause : ofExporter(cause, manifest.exporter);
      },
    );
  }
  return { manifest, form: loaded, graphs: graphs as Sessions<M> };
}

/** The runtime refused the graph: on a card mostly since there is none, or no room on it, which no export mends. */
const isOfRuntime = (error: unknown): boolean =>
  error instanceof SessionError && error.cause !== undefined;

/** A graph of another version may have other inputs and outputs: who exported it belongs to the message. */
function ofExporter(cause: unknown, exporter: string): unknown {
  if (!(cause instanceof SessionError) || cause instanceof ThreadEndedError) return cause;
  const message = `${cause.message} (exported by ${exporter}; export it again if that is an older version)`;
  return new SessionError(message, { cause });
}

/** The manifest's kind says which graphs there are. */
function asTokenizer({ manifest, graphs }: LoadedModel<TokenizerManifest>): LoadedTokenizer {
  const graph = (name: string) => fieldOf<GraphSession>(graphs, name, `tokenizer ${manifest.id}`);
  if (manifest.kind === 'vqvae')
    return { kind: 'vqvae', manifest, encoder: graph('encoder'), decoder: graph('decoder') };
  return {
    kind: 'divae',
    manifest,
    encoder: graph('encoder'),
    codebook: graph('codebook'),
    denoiser: graph('denoiser'),
  };
}
