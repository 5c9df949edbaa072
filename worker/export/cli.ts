/** `npm run export -- CHECKPOINT OUT [--name ID] [--licence ID]`, for one checkpoint or a folder of them. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Manifest } from '../../shared/model/manifest.ts';
import { SafetensorsError } from '../safetensors/header.ts';
import { SessionError } from '../session/types.ts';
import { ExportError } from './errors.ts';
import { type ExportOptions, exportCheckpoint, exportedBytes } from './exportCheckpoint.ts';
import { exportSet, FM_FILE } from './exportSet.ts';
import { exists } from './files.ts';

const USAGE = `usage: npm run export -- CHECKPOINT OUT [--name ID] [--licence ID]

  CHECKPOINT  a .safetensors file, a folder with model.safetensors (and config.json), or a folder
              with fm.safetensors, tok_*.safetensors and tokenizer.json, exported as one set
  OUT         the folder to write, which must not exist
  --name      id of the model, by default the name of the file or folder
  --licence   SPDX id of the weights' licence, by default what the checkpoint says`;

async function summary(folder: string, manifest: Manifest): Promise<string> {
  const bytes = await exportedBytes(folder, manifest);
  return [
    `${folder}  ${manifest.kind} ${manifest.id}`,
    `  graphs      ${Object.values(manifest.graphs)
      .map(({ file, bytes }) => `${file} ${bytes} bytes`)
      .join(', ')}`,
    `  parameters  ${manifest.parameters.toLocaleString('en')}`,
    `  bytes       ${bytes.toLocaleString('en')} with weights`,
    `  precision   ${manifest.precision}`,
    `  licence     ${manifest.licence}`,
    `  digest      ${manifest.digest}`,
    `  check       ran in ${manifest.check.milliseconds} ms`,
  ].join('\n');
}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { name: { type: 'string' }, licence: { type: 'string' } },
  });
  const [checkpoint, out, ...extra] = positionals;
  if (checkpoint === undefined || out === undefined || extra.length > 0) {
    console.error(USAGE);
    return 2;
  }
  const options: ExportOptions = {
    ...(values.name !== undefined && { id: values.name }),
    ...(values.licence !== undefined && { licence: values.licence }),
  };
  const isFolder = (await stat(checkpoint)).isDirectory();
  if (isFolder && (await exists(join(checkpoint, FM_FILE)))) {
    const { set, members } = await exportSet(checkpoint, out, options);
    for (const [stem, manifest] of Object.entries(members))
      console.log(await summary(join(out, stem), manifest));
    console.log(`${out}  set ${set.id}, digest ${set.digest}`);
    return 0;
  }
  const file = isFolder ? join(checkpoint, 'model.safetensors') : checkpoint;
  console.log(await summary(out, await exportCheckpoint(file, out, options)));
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const expected =
    error instanceof ExportError ||
    error instanceof SafetensorsError ||
    error instanceof SessionError ||
    (error instanceof Error && 'code' in error);
  if (!expected) throw error;
  console.error(`export: ${error.message}`);
  process.exitCode = 1;
}
