/** Values as literals of a type, checked by the compiler: wrong types, missing keys and unknown ones alike. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../infra/paths.ts';

export interface Typed {
  /** Where the value comes from, for messages; unique. */
  readonly name: string;
  readonly value: unknown;
  /** Where the type is exported. */
  readonly module: string;
  readonly type: string;
}

const OPTIONS = {
  module: 'nodenext',
  target: 'es2022',
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  types: [],
};

/** What does not fit, by the name of the value; those that fit are absent. */
export async function misfits(values: readonly Typed[]): Promise<Map<string, string>> {
  // Within the repository, so that packages are found.
  const dist = join(repositoryRoot, 'dist');
  await mkdir(dist, { recursive: true });
  const folder = await mkdtemp(join(dist, 'manifests-'));
  try {
    for (const [i, { value, module, type }] of values.entries()) {
      const literal = JSON.stringify(value, null, 2);
      const text = `import type { ${type} } from '${module}';\nexport const value: ${type} = ${literal};\n`;
      await writeFile(join(folder, `v${i}.ts`), text);
    }
    const config = { compilerOptions: OPTIONS, include: ['*.ts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const compiler = join(repositoryRoot, 'node_modules/typescript/bin/tsc');
    const output = await promisify(execFile)(
      process.execPath,
      [compiler, '-p', folder, '--pretty', 'false'],
      { cwd: folder, maxBuffer: 1 << 26 },
    ).then(
      () => '',
      (error: { stdout?: string; message: string }) => error.stdout || error.message,
    );
    const found = new Map<string, string>();
    for (const line of output.split('\n')) {
      const [, index] = /^v(\d+)\.ts\(/.exec(line) ?? [];
      if (index !== undefined) found.set(values[Number(index)]?.name ?? line, line);
      else if (/^(error|\S+\(\d+,\d+\): error)/.test(line)) throw new Error(output);
    }
    return found;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
