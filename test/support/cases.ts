/** Case folders of the PyTorch reference and our own, and the models they are about. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CaseResult } from '../../worker/compare/compareCase.ts';
import { type ExportOptions, exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { REPOSITORY } from './shared.ts';

export const OWN_CASES = join(REPOSITORY, 'test/cases');

const CASE_FILES = /^(io|\w+_inputs)\.safetensors$/;

export const caseFolders = (root: string): string[] =>
  existsSync(root)
    ? readdirSync(root, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(root, name))
        .filter((folder) => readdirSync(folder).some((name) => CASE_FILES.test(name)))
    : [];

/** A head without a checkpoint is one for the reference's FM. */
export async function exportCase(folder: string, out: string, options: ExportOptions = {}) {
  const own = join(folder, 'weights.safetensors');
  if (existsSync(own)) return exportCheckpoint(own, out, options);
  const head = join(folder, 'head.safetensors');
  return exportCheckpoint(join(folder, '../fm_swiglu_nobias/weights.safetensors'), out, {
    ...options,
    head,
  });
}

/** What fails, for messages. */
export const failures = ({ report }: CaseResult): string[] =>
  report.findings
    .filter(({ passed }) => !passed)
    .map(({ output, error, note }) => `${output}: error ${error} ${note}`);
