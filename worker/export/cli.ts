/** `npm run export -- CHECKPOINT OUT`, for one checkpoint or a folder of them. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { graphFilesOf, type Manifest } from '../../shared/model/manifest.ts';
import { PRECISIONS } from '../../shared/model/precisions.ts';
import { SafetensorsError } from '../safetensors/errors.ts';
import { SessionError } from '../session/types.ts';
import { findCheckpoint } from './checkpointFolder.ts';
import { ExportError } from './errors.ts';
import { type ExportOptions, exportCheckpoint, exportedBytes } from './exportCheckpoint.ts';
import { exportSet } from './exportSet.ts';
import { exists, removeUnfinishedOnSignals } from './files.ts';
import { reportProgress } from './progress.ts';

const USAGE = `usage: npm run export -- CHECKPOINT OUT [options]

  CHECKPOINT    a .safetensors file, the .safetensors.index.json of a sharded one, a folder with one
                of them and config.json, a folder of the hub's cache (models--OWNER--NAME), or a
                folder with fm.safetensors, tok_*.safetensors and tokenizer.json: a set
  OUT           the folder to write, which must not exist; what lies in .data/models is served by
                npm start
  --precision   ${PRECISIONS.join(', ')}; by default fp32, where the weights stay in the checkpoint's file
  --name        id of the model, by default the name of its folder, or of its file where that says more
  --licence     SPDX id of the weights' licence, by default what the checkpoint says
  --backbone    of an FM: its encoder alone, for features
  --head FILE   a .safetensors file with output_head.*, for classes; implies --backbone
  --strip-prefix PREFIX
                of tensors named PREFIX.encoder.0... and so on; module., _orig_mod. and model. are
                stripped by themselves`;

const optionsSchema = z.object({ precision: z.enum(PRECISIONS) });

async function summary(folder: string, manifest: Manifest): Promise<string> {
  const bytes = await exportedBytes(folder, manifest);
  const { agreement } = manifest;
  const graphs = graphFilesOf(manifest).map(
    ({ file, bytes: size }) => `${file} ${size.toLocaleString('en')} bytes`,
  );
  return [
    `${folder}  ${manifest.kind} ${manifest.id}`,
    `  graphs      ${graphs.join(', ')}`,
    `  parameters  ${manifest.parameters.toLocaleString('en')}`,
    `  bytes       ${bytes.toLocaleString('en')} with weights`,
    `  precision   ${manifest.precision}`,
    ...(agreement
      ? [
          `  agreement   ${((100 * agreement.equal) / agreement.tokens).toFixed(2)} % of ${agreement.tokens.toLocaleString('en')} tokens are those of fp32, at temperature 0`,
        ]
      : []),
    `  licence     ${manifest.licence}`,
    `  digest      ${manifest.digest}`,
    `  check       ran in ${manifest.check.milliseconds} ms, outputs ${manifest.check.outputs.slice(0, 16)}`,
  ].join('\n');
}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      precision: { type: 'string', default: 'fp32' },
      name: { type: 'string' },
      licence: { type: 'string' },
      backbone: { type: 'boolean' },
      head: { type: 'string' },
      'strip-prefix': { type: 'string' },
    },
  });
  const [checkpoint, out, ...extra] = positionals;
  const parsed = optionsSchema.safeParse(values);
  if (checkpoint === undefined || out === undefined || extra.length > 0 || !parsed.success) {
    if (!parsed.success)
      console.error(`--precision ${values.precision}: one of ${PRECISIONS.join(', ')} expected\n`);
    console.error(USAGE);
    return 2;
  }
  const progress = reportProgress(process.stderr);
  const given: ExportOptions = {
    precision: parsed.data.precision,
    onProgress: progress.report,
    ...(values.name !== undefined && { id: values.name }),
    ...(values.licence !== undefined && { licence: values.licence }),
    ...(values.backbone && { backbone: true }),
    ...(values.head !== undefined && { head: values.head }),
    ...(values['strip-prefix'] !== undefined && { stripPrefix: values['strip-prefix'] }),
  };
  try {
    const found = await findCheckpoint(checkpoint);
    const options = { id: found.id, ...given };
    if (found.kind === 'set') {
      const { set, members } = await exportSet(found.folder, out, options);
      progress.done();
      for (const [stem, manifest] of Object.entries(members))
        console.log(await summary(join(out, stem), manifest));
      console.log(`${out}  set ${set.id}, digest ${set.digest}`);
      return 0;
    }
    const manifest = await exportCheckpoint(found.file, out, options);
    progress.done();
    console.log(await summary(out, manifest));
    if (manifest.kind === 'fm' && !(await exists(join(out, 'set.json'))))
      console.log(
        "  To serve it, export it with tokenizer.json in the checkpoint's folder, or as a set.",
      );
    return 0;
  } finally {
    progress.done();
  }
}

removeUnfinishedOnSignals();
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
