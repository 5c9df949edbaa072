/** The client's package as a stranger has it: built, packed, and installed in an empty folder. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../infra/paths.ts';

const run = promisify(execFile);
export const CLIENT_PACKAGE = '@4m-edge/client';
const compiler = join(repositoryRoot, 'node_modules/typescript/bin/tsc');

/** Builds and packs it; resolves with the place of the tarball. */
export async function packClient(): Promise<string> {
  await run(process.execPath, [join(repositoryRoot, 'dist/infra/client/build.js')]);
  const out = join(repositoryRoot, 'dist/client');
  const [tarball] = (await readdir(out)).filter((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('nothing was packed');
  return join(out, tarball);
}

/** An empty folder with the package in it, without any registry. */
export async function installClient(tarball: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  const quiet = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts', '--silent'];
  await run('npm', ['install', ...quiet, tarball], { cwd: folder });
}

/** Runs a program in the folder; resolves with what it prints. @throws Error with what it says, when it fails */
export async function runProgram(
  folder: string,
  file: string,
  parameters: readonly string[],
): Promise<string> {
  const { stdout } = await run(process.execPath, [file, ...parameters], { cwd: folder });
  return stdout;
}

/** What the strictest compiler says of the folder's programs; empty when nothing. */
export async function typeFaults(
  folder: string,
  options: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // The package's own types are looked at as well.
    skipLibCheck: false,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: [],
    ...options,
  };
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['*.ts'] }),
  );
  return await run(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
    maxBuffer: 1 << 26,
  }).then(
    () => '',
    (error: { stdout?: string; message: string }) => error.stdout || error.message,
  );
}
