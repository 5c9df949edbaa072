/** Loads a set that is built around a backbone: one graph in one thread. */
import { type FmVitManifest, fmVitManifestSchema } from '../../shared/model/manifest.ts';
import { CPU } from './devices.ts';
import { inside } from './folderFiles.ts';
import { assertVocabularies, type LoadOptions, loadModel } from './loadModels.ts';
import { startRuntime } from './runtime.ts';
import { readSetFolder } from './setFolder.ts';
import { type LoadedBackbone, SessionError } from './types.ts';

/**
 * @param folder holds `set.json`
 * @throws SessionError naming the file, field, path or graph that is wrong; nothing stays loaded then
 */
export async function loadBackbone(
  folder: string,
  { threads, device = CPU, form: given, signal }: LoadOptions = {},
): Promise<LoadedBackbone> {
  const { set, fm } = await readSetFolder(folder);
  if (fm.manifest.kind !== 'fmvit') throw new SessionError(`${fm.home}: is no backbone`);
  const textTokenizerFile =
    set.text_tokenizer === undefined ? undefined : await inside(folder, set.text_tokenizer);
  if (textTokenizerFile !== undefined) await assertVocabularies(textTokenizerFile, fm.manifest, {});
  const runtime = startRuntime({ device, ...(threads !== undefined && { threads }) });
  try {
    const { manifest, form, graphs } = await loadModel<FmVitManifest>(
      runtime,
      folder,
      set.fm,
      fmVitManifestSchema,
      { device, signal, form: given },
    );
    return {
      set,
      device,
      form,
      fm: manifest,
      tokenizers: {},
      encoder: graphs.encoder,
      textTokenizerFile,
      died: runtime.died,
      close: runtime.close,
    };
  } catch (error) {
    await runtime.close();
    throw error;
  }
}
