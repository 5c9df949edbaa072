/** Loads of a set what features of the encoder take: a fraction of the memory, and nothing that generates. */
import { present } from '../../shared/lookup.ts';
import {
  type FmManifest,
  fmManifestSchema,
  type TokenizerManifest,
  tokenizerManifestSchema,
} from '../../shared/model/manifest.ts';
import { CPU } from './devices.ts';
import { inside } from './folderFiles.ts';
import { assertVocabularies, type LoadOptions, loadModel } from './loadModels.ts';
import { startRuntime } from './runtime.ts';
import { readSetFolder } from './setFolder.ts';
import type { LoadedEncoder, LoadedTokenizer } from './types.ts';

/**
 * @param folder holds `set.json`, of an FM
 * @throws SessionError naming the file, field, path or graph that is wrong; nothing stays loaded then
 */
export async function loadEncoder(
  folder: string,
  { threads, device = CPU, form, signal }: LoadOptions = {},
): Promise<LoadedEncoder> {
  const { set } = await readSetFolder(folder);
  const runtime = startRuntime({ device, ...(threads !== undefined && { threads }) });
  try {
    const names = ['encoder'];
    const how = { names, device, signal, form };
    const fm = await loadModel<FmManifest>(runtime, folder, set.fm, fmManifestSchema, how);
    const tokenizers: Record<string, LoadedTokenizer> = {};
    for (const [stem, path] of Object.entries(set.tokenizers)) {
      const { manifest, graphs } = await loadModel<TokenizerManifest>(
        runtime,
        folder,
        path,
        tokenizerManifestSchema,
        how,
      );
      tokenizers[stem] = { kind: 'encoder', manifest, encoder: graphs.encoder };
    }
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
      encoder: fm.graphs.encoder,
      textTokenizerFile,
      died: runtime.died,
      close: runtime.close,
    };
  } catch (error) {
    await runtime.close();
    throw error;
  }
}
