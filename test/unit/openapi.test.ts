/** The OpenAPI document: complete, consistent, and without a complaint of the linter. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { documentText } from '../../edge/docs/template.ts';
import { openApiDocument } from '../../edge/openapi.ts';
import { formOf } from '../../shared/api/form.ts';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import { PROBLEMS } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { tokenizeRequestSchema } from '../../shared/api/tokens.ts';

type Json = Record<string, unknown>;
/** As a reader of the served document sees it. */
const document: Json = JSON.parse(documentText());
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function* parts(value: unknown, at = ''): Generator<[string, Json]> {
  if (isObject(value)) yield [at, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) yield* parts(child, `${at}/${key}`);
}
const resolve = (ref: string): unknown =>
  ref
    .slice(2)
    .split('/')
    .reduce<unknown>((value, step) => isObject(value) && value[step], document);

test('every reference leads somewhere', () => {
  const references = [...parts(document)].filter(([, part]) => typeof part.$ref === 'string');
  assert.ok(references.length > 20);
  for (const [at, { $ref }] of references) assert.ok(isObject(resolve(String($ref))), at);
});

test('every property is described, itself or by the schema that it refers to', () => {
  let count = 0;
  for (const [at, part] of parts(document)) {
    if (!isObject(part.properties) || at.endsWith('/properties')) continue;
    for (const [name, property] of Object.entries(part.properties)) {
      assert.ok(isObject(property), `${at} ${name}`);
      const referred = typeof property.$ref === 'string' ? resolve(property.$ref) : undefined;
      const said = property.description ?? (isObject(referred) ? referred.description : undefined);
      assert.ok(typeof said === 'string' && said.length > 3, `${at}: ${name} is not described`);
      count++;
    }
  }
  assert.ok(count > 90, `${count} properties`);
});

test('every answer has a schema, and every code of a route is told with its status', () => {
  for (const route of Object.values(ROUTES)) {
    const operation = openApiDocument().paths[route.path]?.[route.method.toLowerCase()];
    assert.ok(operation);
    for (const [status, { content }] of Object.entries(operation.responses)) {
      for (const [type, media] of Object.entries(content ?? {})) {
        const { schema } = media as Json;
        assert.ok(
          isObject(schema) && Object.keys(schema).length > 0,
          `${route.id} ${status} ${type}`,
        );
      }
    }
    for (const code of [...route.problems, 'internal'] as const) {
      const told = operation.responses[PROBLEMS[code].status]?.description ?? '';
      assert.ok(told.includes(`\`${code}\``), `${route.id} ${code}`);
    }
  }
});

test('forms have the settings that JSON has, and nothing else by name', () => {
  const form = formOf(generateRequestSchema);
  assert.deepEqual(form.lists, ['targets', 'webhook_events_filter']);
  assert.deepEqual(
    new Set(Object.keys(form.settings)),
    new Set(
      'model preset chained seed num_samples dry_run deadline_ms webhook keep outputs previews'.split(
        ' ',
      ),
    ),
  );
  const { seed, chained, outputs, deadline_ms } = form.settings;
  assert.deepEqual([seed, chained, outputs, deadline_ms], ['number', 'flag', 'text', 'number']);
  assert.deepEqual(formOf(tokenizeRequestSchema), {
    settings: { model: 'text', keep: 'flag' },
    lists: [],
  });
  const body = openApiDocument().paths['/v1/generate']?.post?.requestBody?.content;
  const told = JSON.parse(JSON.stringify(body?.['multipart/form-data'])).schema;
  assert.deepEqual(
    new Set(Object.keys(told.properties)),
    new Set([...Object.keys(form.settings), ...form.lists, 'request']),
  );
});

const redocly = fileURLToPath(
  new URL('../../../node_modules/@redocly/cli/bin/cli.js', import.meta.url),
);
const missing = !existsSync(redocly) && !process.env.CI && 'run npm ci for @redocly/cli';
test('the linter has no complaint, by its recommended rules', { skip: missing }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-openapi-'));
  try {
    const file = join(folder, 'openapi.json');
    await writeFile(file, JSON.stringify(document));
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [redocly, 'lint', file, '--extends', 'recommended', '--format', 'json'],
      {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      },
    );
    const report = JSON.parse(stdout.slice(stdout.indexOf('{')));
    assert.deepEqual(report.totals, { errors: 0, warnings: 0, ignored: 0 }, stdout + stderr);
  } finally {
    await rm(folder, { recursive: true });
  }
});
