/** Folders of the repository. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the repository: this file runs from `dist/infra/`. */
export const repositoryRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const demoModelFolder = join(repositoryRoot, 'infra', 'demo', 'model');
