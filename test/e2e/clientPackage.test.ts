/** The client's package, packed and installed as a stranger does it, against the product. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { build, transform } from 'esbuild';
import { repositoryRoot } from '../../infra/paths.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { prepareExamples } from '../support/examplePlaces.ts';
import {
  pythonMissing,
  runCurl,
  runPython,
  runTypeScript,
  snippetsIn,
} from '../support/exampleRuns.ts';
import { type Product, startProduct } from '../support/product.ts';
import { withReceiver } from '../support/receiver.ts';
import {
  buildByVite,
  bundleByWrangler,
  CLIENT_PACKAGE,
  installClient,
  packClient,
  runProgram,
  serveFolder,
  servePage,
  typeFaults,
} from '../support/strangers.ts';
import { startWorkerdModule } from '../support/workerdModule.ts';

const README_ADDRESS = 'http://127.0.0.1:8787';

/** What the page and the Worker see. */
const SEEN = {
  last: 'result',
  progress: true,
  signature: 'PNG',
  types: ['image/png', 'image/png'],
  normal: ['normal'],
  code: 'unknown_target',
  refused: 'headers_missing',
};

describe("the client's package", () => {
  let folder = '';
  let tarball = '';
  let product: Product;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), '4m-stranger-'));
    tarball = await packClient();
    await installClient(tarball, folder);
    cpSync(join(repositoryRoot, 'test/strangers'), folder, { recursive: true });
    copyFileSync(join(repositoryRoot, 'examples/scene-1.png'), join(folder, 'scene-1.png'));
    // Receivers of webhooks are on this machine.
    const env = { FOURM_URLS_ALLOW: 'http,loopback' };
    product = await startProduct(join(folder, 'data'), { env });
  });
  after(async () => {
    await product?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const installed = (file: string): string =>
    readFileSync(join(folder, 'node_modules', CLIENT_PACKAGE, file), 'utf8');
  const bundle = async (entry: string): Promise<string> => {
    const outfile = join(folder, `bundled-${entry}`);
    await build({
      entryPoints: [join(folder, entry)],
      outfile,
      bundle: true,
      format: 'esm',
      logLevel: 'error',
    });
    return outfile;
  };

  /** What a page says that it has seen. */
  const seenIn = async (url: string): Promise<unknown> => {
    const browser = await launchBrowser();
    try {
      const tab = await browser.newPage();
      await tab.goto(`${url}/?server=${product.url}`);
      const seen = tab.locator('#seen:not(:empty)');
      await seen.waitFor({ timeout: 240_000 });
      return JSON.parse((await seen.textContent()) ?? '');
    } finally {
      await browser.close();
    }
  };

  test('it has no dependency, and imports nothing', async () => {
    const { dependencies, peerDependencies } = JSON.parse(installed('package.json'));
    assert.deepEqual([dependencies, peerDependencies], [undefined, undefined]);
    const packages = await readdir(join(folder, 'node_modules'));
    assert.deepEqual(packages, ['.package-lock.json', CLIENT_PACKAGE.split('/')[0]]);
    for (const file of ['index.js', 'index.d.ts'])
      assert.doesNotMatch(installed(file), /\b(import|require)\s*\(|^\s*import\b|\bfrom\s+["']/m);
  });

  const examples = [
    ...readFileSync(join(repositoryRoot, 'shared/client/README.md'), 'utf8').matchAll(
      /^```ts\n([\s\S]*?)^```/gm,
    ),
  ].map(([, example]) => example ?? '');
  assert.ok(examples.length > 4, 'the README has examples');

  test('a program that uses every method passes the strictest compiler', async () => {
    assert.equal(await typeFaults(folder, ['every.ts']), '');
    // Lists of items with different inputs have fields of type undefined there, which JSON leaves out.
    const usual = { exactOptionalPropertyTypes: false };
    assert.equal(await typeFaults(folder, ['every.ts'], usual), '');
  });

  test('examples of the README pass it too, where Node brings the types of the platform', async () => {
    examples.forEach((example, i) => {
      writeFileSync(join(folder, `example-${i}.ts`), example);
    });
    // Types of Node alone, as a server's program has them.
    const types = join(repositoryRoot, 'node_modules/@types');
    const options = { lib: ['es2022'], types: ['node'], typeRoots: [types] };
    assert.equal(await typeFaults(folder, ['example-*.ts'], options), '');
  });

  test('examples of the README run', async () => {
    for (const [i, example] of examples.entries()) {
      const { code } = await transform(example.replaceAll(README_ADDRESS, product.url), {
        loader: 'ts',
      });
      writeFileSync(join(folder, `example-${i}.mjs`), code);
      await runProgram(folder, `example-${i}.mjs`, []);
    }
  });

  test('a program of a folder without anything else is answered by the product', async () => {
    const printed = await runProgram(folder, 'program.mjs', [product.url, 'scene-1.png']);
    assert.match(printed, /^done$/m, printed);
  });

  test('a bundled page of another origin is answered', { skip: browserMissing() }, async () => {
    const page = await servePage(await bundle('page.js'));
    try {
      assert.deepEqual(await seenIn(page.url), SEEN);
    } finally {
      await page.close();
    }
  });

  test('a page that Vite has built is answered', { skip: browserMissing() }, async (t) => {
    const sources = join(repositoryRoot, 'test/strangers');
    const made = await buildByVite(tarball, join(folder, 'vite'), sources);
    if ('missing' in made) return t.skip(`Vite from the registry (${made.missing})`);
    const served = await serveFolder(made.built);
    try {
      assert.deepEqual(await seenIn(served.url), SEEN);
    } finally {
      await served.close();
    }
  });

  test('a program of Python alone is answered', { skip: pythonMissing() ?? false }, async () => {
    const home = join(repositoryRoot, 'examples/python');
    const picture = join(folder, 'scene-1.png');
    const env = { ...process.env, FOURM_URL: product.url, PYTHONPATH: home };
    const python = (parameters: readonly string[]) =>
      promisify(execFile)('python3', [...parameters], { env, cwd: folder, encoding: 'buffer' });
    const { stdout: depth } = await python([join(home, 'fourm.py'), picture, 'depth']);
    assert.equal(depth.subarray(1, 4).toString(), 'PNG');
    const readme = readFileSync(join(home, 'README.md'), 'utf8');
    const [, example] = /^```python\n([\s\S]*?)^```/m.exec(readme) ?? [];
    const { stdout: said } = await python([
      '-c',
      (example ?? '').replace(README_ADDRESS, product.url),
    ]);
    assert.match(said.toString(), /^\S.*\n\d+\n$/);
    await assert.rejects(python([join(home, 'fourm.py'), picture, 'sound']), /unknown_target/);
  });

  test('a Worker in workerd is answered', async () => {
    const worker = await startWorkerdModule(await bundleByWrangler(folder, 'worker.js'));
    try {
      const answer = await fetch(`${worker.url}/?server=${product.url}`);
      assert.deepEqual(JSON.parse(await answer.text()), SEEN);
    } finally {
      await worker.close();
    }
  });

  test('every example of the documentation is answered: by curl, in TypeScript, which the compiler passes, and in Python', async (t) => {
    const { url } = product;
    await withReceiver(async (receiver) => {
      const prepare = await prepareExamples(folder, url, receiver);
      const curl = snippetsIn('curl', url, await prepare(1));
      const typescript = snippetsIn('TypeScript', url, await prepare(2));
      const python = snippetsIn('Python', url, await prepare(3));
      assert.ok(curl.length > 50, 'examples were found');
      const absent = pythonMissing();
      if (absent) t.diagnostic(`not run in Python: needs ${absent}`);
      assert.deepEqual(
        {
          curl: await runCurl(folder, curl),
          typescript: await runTypeScript(folder, typescript),
          python: absent ? {} : await runPython(folder, python),
        },
        { curl: {}, typescript: {}, python: {} },
      );
    });
  });
});
