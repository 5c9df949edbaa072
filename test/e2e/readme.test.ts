/** The commands of the README and the recipes that ask a running server, each run as it stands there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
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
