/** What is bounded before a schema looks at it, and what is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertBounded } from '../../shared/api/bounds.ts';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { parseJob } from '../../worker/jobs/parseJob.ts';

const pointerOf = (value: unknown): string | undefined => {
  try {
    assertBounded(value);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof FailureError);
    return error.failure.errors?.[0]?.pointer ?? '';
  }
};
const many = <T>(length: number, item: T): T[] => Array.from({ length }, () => item);

test('objects, lists, their number and their depth are bounded; ids and JSON values are not', () => {
  const keys = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, 1]));
  assert.equal(pointerOf(keys), '');
  assert.equal(pointerOf({ targets: many(65, 'depth') }), '/targets');
  assert.equal(pointerOf({ inputs: { a: { hide: many(65, {}) } } }), '/inputs/a/hide');
  assert.equal(pointerOf({ inputs: many(30, many(30, [])) }), '');
  assert.equal(pointerOf({ a: JSON.parse(`${'['.repeat(99)}${']'.repeat(99)}`) }), '/a');
  assert.equal(pointerOf({ inputs: { a: { tokens: many(4096, 7) } } }), undefined);
  assert.equal(pointerOf({ inputs: { a: { value: many(200, { keys }) } } }), undefined);
  assert.equal(pointerOf(JSON.parse('{"inputs":{"__proto__":1}}')), '/inputs/__proto__');
});

test('a worker takes what the edge let pass: long JSON values, and reused targets', () => {
  const inputs = { det: { value: many(200, { class: 'box', box: [0, 0, 1, 1] }) } };
  const request = { inputs, targets: ['depth'] };
  assertBounded(request);
  parseBody(generateRequestSchema, request);
  const reused = many(32, { modality: 'depth', samples: many(16, [1, 2, 3]) });
  const job = { request_id: 'r', id: 'i', model: 'm', seed: 1, request, reused };
  const body = new TextEncoder().encode(JSON.stringify(job));
  const read = parseJob({ kind: 'generate', body });
  assert.deepEqual([read.reused?.length, read.request.inputs], [32, inputs]);
});

test('problems are sentences that name the field and what it takes', () => {
  // [what is asked, what is said, where]
  const cases: [unknown, string, string][] = [
    [[], 'the request must be an object', ''],
    [{ targets: ['a'] }, 'inputs is missing', '/inputs'],
    [
      { inputs: { rgb: 5 }, targets: ['a'] },
      'rgb must be text, a data URL, or an object with one of text, data, value, tokens, ref, upload, url',
      '/inputs/rgb',
    ],
    [
      { inputs: { rgb: { tokens: [1, -1] } }, targets: ['a'] },
      'item 1 of tokens must be a whole number from 0, or null',
      '/inputs/rgb/tokens/1',
    ],
    [
      { inputs: { rgb: { ref: 'x' } }, targets: ['a'] },
      'ref must be sha256: and 64 hexadecimal digits',
      '/inputs/rgb/ref',
    ],
    [
      { inputs: { rgb: { data: '', hidden: 1 } }, targets: ['a'] },
      'hidden is not a field that can be given here',
      '/inputs/rgb/hidden',
    ],
    [
      { inputs: { a: 'x' }, targets: [{ modality: 'a', steps: 0 }] },
      'steps must be at least 1',
      '/targets/0/steps',
    ],
    [
      { inputs: { a: 'x' }, targets: [{ modality: 'a', steps: 1.5 }] },
      'steps must be a whole number',
      '/targets/0/steps',
    ],
    [
      { inputs: { a: 'x' }, targets: [{ modality: 'a', scheme: 'x' }] },
      'scheme must be maskgit, roar or autoregressive',
      '/targets/0/scheme',
    ],
    [
      { inputs: { a: 'x' }, targets: [{ modality: 'a', temperature_schedule: 'onex' }] },
      'temperature_schedule must be constant, linear or onex:MIN:POWER',
      '/targets/0/temperature_schedule',
    ],
    [
      { inputs: { a: 'x' }, targets: ['a'], seed: 'soon' },
      'seed must be random or a whole number below 2^32',
      '/seed',
    ],
    [
      { inputs: { a: 'x' }, targets: ['a'], chained: 'yes' },
      'chained must be true or false',
      '/chained',
    ],
    [{ inputs: { a: 'x' }, targets: ['a'], model: '' }, 'model must not be empty', '/model'],
    [
      { inputs: { a: 'x' } },
      'targets must name at least one target where there is no preset',
      '/targets',
    ],
  ];
  for (const [body, detail, pointer] of cases) {
    assert.throws(
      () => parseBody(generateRequestSchema, body),
      (error) => {
        assert.ok(error instanceof FailureError);
        assert.deepEqual(error.failure.errors?.[0], { detail, pointer });
        assert.equal(error.failure.detail, detail);
        return true;
      },
    );
  }
});
