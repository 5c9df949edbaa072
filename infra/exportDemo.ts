/**
 * `node dist/infra/exportDemo.js MODELS_FOLDER`: exports the demo checkpoints unless that was done from
 * these very files. A process of its own, so that the supervisor stays small and can end it at any time.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXPORTER } from '../worker/export/exportCheckpoint.ts';
import { exportSet } from '../worker/export/exportSet.ts';
import { removeLeftovers, removeUnfinishedOnSignals } from '../worker/export/files.ts';
import { withLock } from './lock.ts';
import { demoModelFolder } from './paths.ts';

const NAME = '4m-shapes';
const STAMP = `${NAME}.source`;
const LOCK = `${NAME}.lock`;

async function fingerprint(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of (await readdir(folder)).sort()) {
    hash.update(`${file}\n`).update(await readFile(join(folder, file)));
  }
  return hash.digest('hex');
}

async function ensure(modelsFolder: string): Promise<void> {
  await removeLeftovers(modelsFolder);
  const target = join(modelsFolder, NAME);
  const stamp = join(modelsFolder, STAMP);
  const source = `${EXPORTER} ${await fingerprint(demoModelFolder)}`;
  const done = await readFile(stamp, 'utf8').catch(() => '');
  if (done === source) return;
  console.log('exporting the demo model to ONNX ...');
  await rm(stamp, { force: true });
  await rm(target, { recursive: true, force: true });
  await exportSet(demoModelFolder, target, { id: NAME, licence: 'Apache-2.0' });
  await writeFile(stamp, source);
}

removeUnfinishedOnSignals();
// The parent has gone, and nobody waits for the export any more.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
const [modelsFolder] = process.argv.slice(2);
try {
  if (modelsFolder === undefined) throw new Error('usage: exportDemo.js MODELS_FOLDER');
  await mkdir(modelsFolder, { recursive: true });
  await withLock(
    join(modelsFolder, LOCK),
    () => ensure(modelsFolder),
    (pid) => console.log(`process ${pid} is exporting the demo model there; waiting for it ...`),
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
process.exit();
