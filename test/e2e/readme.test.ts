/** The commands of the README and the recipes that ask a running server, each run as it stands there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import sharp from 'sharp';
import { repositoryRoot } from '../../infra/stack.ts';
import { type Product, startProduct } from '../support/product.ts';

const ADDRESS = 'localhost:8787';
/** What a terminal shows without being flooded. */
const QUIET_BYTES = 6000;

/** The shell commands of a page's code blocks that name the server: paragraphs, apart by empty lines. */
function commandsOf(page: string): string[] {
  const text = readFileSync(join(repositoryRoot, page), 'utf8');
  const blocks = [...text.matchAll(/^```bash\n([\s\S]*?)^```/gm)].map(([, block]) => block ?? '');
  return blocks.flatMap((block) => block.split('\n\n')).filter((one) => one.includes(ADDRESS));
}

describe('commands of the pages', () => {
  let folder = '';
  let product: Product;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), '4m-readme-'));
    symlinkSync(join(repositoryRoot, 'examples'), join(folder, 'examples'));
    product = await startProduct(join(folder, 'data'));
  });
  after(async () => {
    await product?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("docs/recipes.md: the program that speaks OpenAI's API, with a mask of half the picture", async () => {
    const text = readFileSync(join(repositoryRoot, 'docs/recipes.md'), 'utf8');
    const [, code = ''] = /^```ts\n([\s\S]*?)^```/m.exec(text) ?? [];
    assert.ok(code.includes('http://127.0.0.1:8787/v1') && code.includes('maskPng'));
    const half = { width: 64, height: 32, channels: 4, background: '#000f' } as const;
    const clear = { top: 0, bottom: 32, left: 0, right: 0, background: '#0000' };
    const mask = await sharp({ create: half }).extend(clear).png().toBuffer();
    const program = `const maskPng = Buffer.from('${mask.toString('base64')}', 'base64');
      ${code.replace('http://127.0.0.1:8787', product.url)}
      console.log(edited.data[0].b64_json);`;
    const { outputFiles } = await build({
      stdin: { contents: program, resolveDir: repositoryRoot, loader: 'ts' },
      ...{ bundle: true, write: false, platform: 'node', format: 'esm' },
    });
    const file = join(folder, 'program.mjs');
    writeFileSync(file, outputFiles?.[0]?.text ?? '');
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal((await sharp(Buffer.from(stdout.trim(), 'base64')).metadata()).width, 64);
  });

  for (const page of ['README.md', 'docs/recipes.md']) {
    const commands = commandsOf(page);
    assert.ok(commands.length > 2, `${page} has commands`);
    for (const command of commands) {
      const title = command.split('\n').find((line) => line !== '') ?? '';
      test(`${page}: ${title}`, () => {
        const script = command.replaceAll(ADDRESS, product.url.replace('http://', ''));
        const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', script], {
          cwd: folder,
          encoding: 'utf8',
        });
        assert.equal(status, 0, `${stderr}\n${stdout.slice(0, 1000)}`);
        assert.ok(stdout.length < QUIET_BYTES, `it prints ${stdout.length} characters`);
      });
    }
  }
});
