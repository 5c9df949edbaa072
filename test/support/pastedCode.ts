/** Code that a page shows, pasted as a visitor would, into a folder with the files that it names. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import type { Locator } from 'playwright-core';

const execute = promisify(execFile);

const LANGUAGES = ['curl', 'TypeScript', 'Python'] as const;
export type PastedLanguage = (typeof LANGUAGES)[number];

/** Those that can be run here: users need no Python. */
export const pastedLanguages = (): readonly PastedLanguage[] =>
  LANGUAGES.filter(
    (language) => language !== 'Python' || spawnSync('python3', ['--version']).status === 0,
  );

/** What it prints. @throws where it fails */
export async function runPasted(
  language: PastedLanguage,
  code: string,
  folder: string,
): Promise<string> {
  const inFolder = { cwd: folder, maxBuffer: 64e6 };
  if (language === 'curl') return (await execute('bash', ['-c', code], inFolder)).stdout;
  if (language === 'Python') return (await execute('python3', ['-c', code], inFolder)).stdout;
  const { code: program } = await transform(code, { loader: 'ts', format: 'esm' });
  const parameters = ['--input-type=module', '-e', program];
  return (await execute(process.execPath, parameters, inFolder)).stdout;
}

/** Shows the code of a language within a view, and reads it. */
export async function shownCode(view: Locator, language: PastedLanguage): Promise<string> {
  await view.getByRole('button', { name: language, exact: true }).click();
  return (await view.locator('.shown-code').textContent()) ?? '';
}
