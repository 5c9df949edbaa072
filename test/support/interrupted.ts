/** A program that writes a folder and never ends: `node interrupted.js FOLDER`, for tests that end it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeUnfinishedOnSignals, writeFolder } from '../../worker/export/files.ts';

removeUnfinishedOnSignals();
await writeFolder(process.argv[2]!, (outer) =>
  // A set of models is written like this: one folder inside another.
  writeFolder(join(outer, 'inner'), async (inner) => {
    await mkdir(join(inner, 'deep'));
    await writeFile(join(inner, 'deep', 'half.bin'), new Uint8Array(1000));
    console.log('writing');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  }),
);
