/** What the documents say of the repository: routes, files and each other. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { operatedBy } from '../../edge/docs/operation.ts';
import { EXAMPLES } from '../../edge/examples/examples.ts';
import { LANGUAGES, requestOf } from '../../edge/examples/snippets.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import { ROUTES } from '../../shared/api/routes.ts';

const textOf = (file: string): string => readFileSync(join(repositoryRoot, file), 'utf8');
const pages = readdirSync(join(repositoryRoot, 'docs')).filter((file) => file.endsWith('.md'));

/** Anchors of a page, as GitHub makes them of its headings. */
const anchorsOf = (file: string): string[] =>
  [...textOf(file).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test('links of the documents lead to files and headings that are there', () => {
  let count = 0;
  for (const file of [...pages.map((page) => `docs/${page}`), 'README.md']) {
    for (const [, link = ''] of textOf(file).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : join(dirname(file), path);
      assert.ok(existsSync(join(repositoryRoot, target)), `${file}: ${link}`);
      if (anchor) assert.ok(anchorsOf(target).includes(anchor), `${file}: ${link}`);
      count++;
    }
  }
  assert.ok(count > 20);
});

test('the README leads to every page of docs/', () => {
  const readme = textOf('README.md');
  for (const page of pages) assert.ok(readme.includes(`(docs/${page}`), page);
});

test('files that the threat model names are there, tests among them', () => {
  const named = [...textOf('docs/security.md').matchAll(/`((?:test|infra)\/[\w./-]+)`/g)];
  assert.ok(named.length > 30);
  for (const [, file = ''] of named) assert.ok(existsSync(join(repositoryRoot, file)), file);
});

test('the README counts the parameters of the demo model as they lie in its files', () => {
  const folder = 'infra/demo/model';
  const count = (file: string): number => {
    const bytes = readFileSync(join(repositoryRoot, folder, file));
    const end = 8 + Number(bytes.readBigUInt64LE(0));
    const { __metadata__: _, ...tensors } = JSON.parse(bytes.subarray(8, end).toString());
    return Object.entries<{ shape: number[] }>(tensors)
      .filter(([name]) => !name.endsWith('pos_emb') || name.includes('_global.'))
      .reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  };
  const tokenizers = readdirSync(join(repositoryRoot, folder)).filter((file) =>
    /^tok_.*\.safetensors$/.test(file),
  );
  const own = count('fm.safetensors');
  const others = tokenizers.reduce((sum, file) => sum + count(file), 0);
  const [all, model, rest] = [own + others, own, others].map((n) => (n / 1e6).toFixed(1));
  const told = `${all} million parameters (${model} of the model, ${rest} of its tokenizers)`;
  assert.ok(textOf('README.md').replaceAll('\n', ' ').includes(told), told);
});

test('docs/api.md lists the addresses that there are, and no other', () => {
  const [, list = ''] = textOf('docs/api.md').split('## Every address');
  const rows = [...(list.split('\n## ')[0] ?? '').matchAll(/^\| (`[A-Z]+ .+`) \| (.+) \|$/gm)];
  const told = Object.values(ROUTES).map(
    ({ method, path, summary }) => `\`${method} ${path}\` ${summary}`,
  );
  assert.deepEqual(
    rows.map(([, address, summary]) => `${address} ${summary}`),
    told,
  );
});

test('every example that needs a key sends it, in every language, and names nothing but what it is for', () => {
  for (const route of Object.values(ROUTES)) {
    const operated = operatedBy(route);
    const examples = EXAMPLES[route.id];
    assert.ok(examples.length > 0, route.id);
    for (const example of examples) {
      const request = requestOf(operated, example);
      for (const { name, write } of LANGUAGES) {
        const code = write(request);
        assert.equal(code.includes('FOURM_KEY'), operated.needsKey, `${route.id} ${name}`);
        assert.doesNotMatch(code, /undefined|\[object/, `${route.id} ${name}`);
      }
    }
  }
});

test('texts keep their meaning in every language', () => {
  const hostile = `it's "$HOME" \`id\` \\ <x> 100% é`;
  const { write: curl } = LANGUAGES[0];
  const json = requestOf(operatedBy(ROUTES.embed), {
    body: { items: [{ inputs: { caption: hostile, rgb: { data: '@a.png' } } }] },
  });
  assert.match(curl(json), /\\\$HOME/);
  for (const { write } of LANGUAGES) assert.ok(write(json).includes('é'));
});
