/** The reference vectors beside the repository, and how far an output is from them. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Nearest folder above that holds the formatter config: works from `test/` and from `dist/test/`. */
function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'biome.json'))) {
    const parent = dirname(folder);
    if (parent === folder) return process.cwd();
    folder = parent;
  }
  return folder;
}

export const REPOSITORY = repositoryRoot();

/** `FOURM_SHARED`, or the folder `shared` beside the repository. */
export const SHARED_FOLDER = process.env.FOURM_SHARED ?? join(REPOSITORY, '..', 'shared');

export const sharedPath = (...path: string[]): string => join(SHARED_FOLDER, ...path);

/** A reason to skip, for node:test's `skip` option, or false where the folder is there. */
export const skipWithout = (...path: string[]): string | false =>
  existsSync(sharedPath(...path))
    ? false
    : `published vectors beside the repository (${path.join('/')})`;

export { floats, ints, readTensors, relativeError } from '../../worker/compare/tensors.ts';
