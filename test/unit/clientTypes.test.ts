/** Types that the client's package writes out, held against those that the API's schemas infer. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { declarationsOf } from '../../infra/client/declarations.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import { typeFaults } from '../support/strangers.ts';

const api = join(repositoryRoot, 'dist/shared/api');

test('every type of the package is the one that its schema infers', async () => {
  const text = await declarationsOf(join(repositoryRoot, 'dist/shared/client/index.d.ts'));
  const folder = mkdtempSync(join(repositoryRoot, 'dist/client-types-'));
  try {
    writeFileSync(join(folder, 'package.d.ts'), text);
    const lines: string[] = [];
    const imports: string[] = [];
    for (const file of readdirSync(api).filter((name) => name.endsWith('.d.ts'))) {
      const own = readFileSync(join(api, file), 'utf8');
      for (const [, name = ''] of own.matchAll(
        /^export type (\w+(?:Body|Response)|Head|Job|Batch|Upload|Problem|JobStatus|InputValue|Delivery|WebhookSecret|KeptTokens|Model|Modality) = /gm,
      )) {
        if (!new RegExp(`^export (type|interface) ${name}\\b`, 'm').test(text)) continue;
        const alias = `Api${lines.length}`;
        imports.push(
          `import type { ${name} as ${alias} } from '../shared/api/${file.replace('.d.ts', '.js')}';`,
        );
        const types = `Loose<P.${name}>, Loose<${alias}>`;
        lines.push(`export const a${lines.length}: [${types}] = both<${types}>();`);
      }
    }
    assert.ok(lines.length > 25, `${lines.length} types are held`);
    // Either can stand for the other, whatever is read-only.
    const both = [
      'type Loose<T> = T extends object ? { -readonly [K in keyof T]: Loose<T[K]> } : T;',
      'declare function both<A extends B, B extends A2, A2 = A>(): [A, B];',
    ].join('\n');
    writeFileSync(
      join(folder, 'same.ts'),
      [`import type * as P from './package.js';`, ...imports, both, ...lines].join('\n'),
    );
    assert.equal(await typeFaults(folder, ['same.ts'], { skipLibCheck: true }), '');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
