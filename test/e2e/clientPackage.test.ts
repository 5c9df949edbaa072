/** The client's package, packed and installed as a stranger does it, against the product. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { repositoryRoot } from '../../infra/paths.ts';
import { type Product, startProduct } from '../support/product.ts';
import {
  CLIENT_PACKAGE,
  installClient,
  packClient,
  runProgram,
  typeFaults,
} from '../support/strangers.ts';

/** What strangers write. */
const programs = join(repositoryRoot, 'test/strangers');

describe("the client's package", () => {
  let folder = '';
  let product: Product;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), '4m-stranger-'));
    await installClient(await packClient(), folder);
    product = await startProduct(join(folder, 'data'));
  });
  after(async () => {
    await product?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const installed = (file: string): string =>
    readFileSync(join(folder, 'node_modules', CLIENT_PACKAGE, file), 'utf8');

  test('it has no dependency, and imports nothing', async () => {
    const { dependencies, peerDependencies } = JSON.parse(installed('package.json'));
    assert.deepEqual([dependencies, peerDependencies], [undefined, undefined]);
    assert.deepEqual(await readdir(join(folder, 'node_modules')), [
      '.package-lock.json',
      CLIENT_PACKAGE.split('/')[0],
    ]);
    for (const file of ['index.js', 'index.d.ts'])
      assert.doesNotMatch(installed(file), /\b(import|require)\s*\(|^\s*import\b|\bfrom\s+["']/m);
  });

  test('a program that uses every method passes the strictest compiler', async () => {
    await writeFile(join(folder, 'every.ts'), await readFile(join(programs, 'every.ts')));
    assert.equal(await typeFaults(folder), '');
  });

  test('a program of a folder without anything else is answered by the product', async () => {
    await writeFile(join(folder, 'program.mjs'), await readFile(join(programs, 'program.mjs')));
    const printed = await runProgram(folder, 'program.mjs', [
      product.url,
      join(repositoryRoot, 'examples/scene-1.png'),
    ]);
    assert.match(printed, /^done$/m, printed);
  });
});
