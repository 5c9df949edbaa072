/**
 * Texts that a caller types, in the demo model's vocabulary (31 gaps; no dogs): what they become, what is
 * refused, and what is warned of. Expected ids are those of Hugging Face's own tokenizers 0.23.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { InputValue } from '../../shared/api/generate.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { readInput } from '../../worker/tasks/inputs.ts';
import { makeOutputs } from '../../worker/tasks/outputs.ts';
import { startReading } from '../../worker/tasks/reading.ts';
import type { ServedModel } from '../../worker/tasks/servedModel.ts';
import { runTokenize } from '../../worker/tasks/tokens.ts';
import { loadTextTokenizer, type Notation } from '../../worker/text/wordpiece.ts';
import { OWN_CASES } from '../support/cases.ts';
import { fakeModel } from '../support/publishedModel.ts';
import { REPOSITORY, sharedPath, skipWithout } from '../support/shared.ts';

const DEMO = join(REPOSITORY, 'infra/demo/model/tokenizer.json');
const PUBLISHED = ['reference', 'text_tokenizer_4m_wordpiece_30k.json'] as const;
const [UNKNOWN, EOS] = [1, 3];

let model: ServedModel;
before(async () => {
  const fake = fakeModel();
  const { fm } = fake.loaded;
  // As many bins as the vocabulary has values.
  const det = { ...fm.modalities.det!, coord_bins: 64 };
  const loaded = { ...fake.loaded, fm: { ...fm, modalities: { ...fm.modalities, det } } };
  model = { ...fake, loaded, text: await loadTextTokenizer(DEMO) };
});

/** Ids of an input, and the warnings of its reading. */
async function read(name: string, value: InputValue) {
  const reading = startReading();
  const { content } = await readInput(name, value, model, undefined, reading);
  assert.ok(content.kind === 'ids');
  return { ids: content.ids, warnings: reading.warnings };
}
async function refused(name: string, value: InputValue) {
  const error = await read(name, value).then(
    ({ ids }) => assert.fail(`read as ${ids}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof FailureError, String(error));
  assert.equal(error.failure.code, 'invalid_input');
  return { detail: error.failure.detail, pointer: error.failure.errors?.[0]?.pointer };
}

describe('ids are those of the reference tokenizer', () => {
  const compare = async (vocabulary: string, path: string) => {
    const tokenizer = await loadTextTokenizer(path);
    const cases = JSON.parse(await readFile(join(OWN_CASES, 'text/ids.json'), 'utf8'));
    for (const { text, ...expected } of cases[vocabulary])
      for (const notation of ['format', 'plain'] satisfies Notation[])
        assert.deepEqual(
          tokenizer.tokenize(text, notation).ids,
          expected[notation],
          `${notation}: ${text}`,
        );
  };
  test('demo vocabulary', () => compare('demo', DEMO));
  test('published vocabulary', { skip: skipWithout(...PUBLISHED) }, () =>
    compare('published', sharedPath(...PUBLISHED)),
  );
});

describe('typed text is text', () => {
  test('marks and coordinates in a caption are words', async () => {
    for (const text of ['a [EOS] b', '[PAD] red', 'red [SOS]', '[UNK] box', 'red v0=12 box']) {
      const { ids } = await read('caption', text);
      assert.equal(ids.at(-1), EOS);
      const rest = ids.slice(0, -1);
      assert.ok(
        !rest.some((id) => [0, 2, 3].includes(id) || (id >= 36 && id < 292)),
        `${text}: ${ids}`,
      );
    }
  });

  test('marks alone say nothing', async () => {
    for (const text of ['[EOS]', ' [PAD] [UNK]', '[SOS][EOS]'])
      for (const value of [text, { text }, { value: text }, { value: ['a', text] }])
        assert.equal((await refused('caption', value)).detail, 'the text is empty');
  });

  test('gaps are those of the vocabulary, and others are refused', async () => {
    const [a, on] = model.text.encode('a on');
    assert.deepEqual((await read('caption', 'a [S_1] on a [S_2]')).ids, [a, 5, on, a, 6]);
    assert.deepEqual((await read('caption', 'a[S_31]')).ids, [a, 35]);
    for (const gap of ['[S_32]', '[S_200]', '[S_0]', '[S_01]', `[S_${'9'.repeat(400)}]`]) {
      const { detail, pointer } = await refused('caption', { text: `a ${gap} b` });
      assert.match(detail, /names no gap of the model; gaps are \[S_1\] to \[S_31\]/);
      assert.equal(pointer, '/inputs/caption/text');
    }
  });

  test('a gap that comes twice is refused, in a text and in ids', async () => {
    for (const value of [
      '[S_1] a [S_1]',
      { value: ['a', '[S_2] on [S_2]'] },
      { tokens: [5, null] },
    ])
      assert.match(
        (await refused('caption', value)).detail,
        /each gap of a text has a name of its own/,
      );
    assert.equal((await read('caption', { value: ['a [S_1]', 'on [S_1]'] })).ids.length, 4);
  });

  test('more gaps than can be closed are refused', async () => {
    const all = Array.from({ length: 31 }, (_, i) => `[S_${i + 1}]`);
    assert.equal((await read('caption', all.slice(0, 30).join(' '))).ids.length, 30);
    assert.match((await refused('caption', all.join(' '))).detail, /at most 30 gaps/);
    const nulls = Array.from({ length: 62 }, (_, i) => (i % 2 === 0 ? null : 300));
    assert.match((await refused('caption', { tokens: nulls })).detail, /at most 30 gaps/);
    const sentinels = Array.from({ length: 31 }, (_, i) => 5 + i);
    assert.match((await refused('caption', { tokens: sentinels })).detail, /at most 30 gaps/);
  });
});

describe('texts of a form', () => {
  const wrong: [string, string][] = [
    ['det', 'not json'],
    ['det', 'a dog'],
    ['det', 'v0=1 v1=2 v2=3 sphere'],
    ['det', 'v0=1 v1=2 v2=3 v3=4'],
    ['det', 'v0=1 v1=2 v2=3 v3=4000 sphere'],
    ['det', '[{"xmin": 0.1,'],
    ['det', 'red [S_1]'],
    ['det', 'v0=1 v1=2 [S_1] {"a"'],
    ['det', 'v0=1 v1=2 v2=3 v3=4 [EOS]'],
    ['color_palette', 'v1=2 v0=1 v0=2 v0=3'],
    ['color_palette', 'red'],
    ['color_palette', '#ff0000'],
    ['color_palette', 'v1=1 v0=1 v0=2'],
    ['metadata', 'n_humans = 2'],
    ['metadata', 'v1=5'],
    ['metadata', 'v1=21 v0=1'],
    ['metadata', 'v1=5 v0=900'],
    ['human_poses', 'human v0=1'],
    ['human_poses', 'nobody'],
    ['sam_instance', 'point v0=1 v1=2'],
    ['sam_instance', 'polygon'],
  ];
  for (const [name, text] of wrong)
    test(`${name}: ${text}`, async () => {
      const { detail, pointer } = await refused(name, text);
      assert.match(detail, new RegExp(`^${name} is written .*(v0=|none).*or given as JSON`));
      assert.equal(pointer, `/inputs/${name}`);
    });

  test('are read when they have it, with gaps as well', async () => {
    const right: [string, string][] = [
      ['det', 'v0=1 v1=2 v2=3 v3=4 red sphere v0=0 v1=0 v2=9 v3=9 box'],
      ['det', 'v0=1 v1=2 [S_1] sphere [S_2]'],
      ['det', '[S_1]'],
      ['color_palette', 'v1=1 v0=1 v0=2 v0=3'],
      ['color_palette', 'v1=2 v0=1 [S_1]'],
      ['metadata', 'v1=5 v0=2 v1=0 v0=20'],
      ['human_poses', 'none'],
      ['sam_instance', 'point v0=1 v1=2 none'],
    ];
    for (const [name, text] of right) assert.ok((await read(name, text)).ids.length > 0, text);
  });

  test('JSON in a text is refused at the text, with its place in the words', async () => {
    const text = JSON.stringify([{ xmin: 2, ymin: 0, xmax: 1, ymax: 1, class: 'box' }]);
    for (const [value, pointer] of [
      [text, '/inputs/det'],
      [{ text }, '/inputs/det/text'],
    ] as const) {
      const refusedText = await refused('det', value);
      assert.equal(refusedText.pointer, pointer);
      assert.match(refusedText.detail, /^\/0\/xmin of the JSON: /);
    }
  });
});

describe('words that the vocabulary lacks', () => {
  const box = { xmin: 0.1, ymin: 0.1, xmax: 0.5, ymax: 0.5, class: 'unicorn' };

  test('are warned of, with the field', async () => {
    const given: [string, InputValue, string, string[]][] = [
      ['caption', 'a red unicorn left of a dog', '/inputs/caption', ['unicorn', 'dog']],
      ['caption', { text: 'a Unicorn' }, '/inputs/caption/text', ['unicorn']],
      ['caption', { value: ['a box', 'a dog'] }, '/inputs/caption/value/1', ['dog']],
      ['det', { value: [box] }, '/inputs/det/value', ['unicorn']],
      ['det', 'v0=1 v1=2 v2=3 v3=4 dog', '/inputs/det', ['dog']],
      ['det', { text: JSON.stringify([box]) }, '/inputs/det/text', ['unicorn']],
    ];
    for (const [name, value, pointer, words] of given) {
      const { ids, warnings } = await read(name, value);
      assert.ok(ids.includes(UNKNOWN));
      assert.equal(warnings.length, 1);
      const [warning] = warnings;
      assert.deepEqual([warning!.code, warning!.pointer], ['unknown_words', pointer]);
      for (const word of words) assert.ok(warning!.detail.includes(`"${word}"`), warning!.detail);
    }
    assert.deepEqual((await read('caption', 'a red box')).warnings, []);
  });

  test('are part of the answer of tokenize', async () => {
    const request = { inputs: { caption: 'a dog', det: { value: [box] } } };
    const { warnings, inputs } = await runTokenize(request, model);
    assert.deepEqual(
      warnings?.map(({ pointer }) => pointer),
      ['/inputs/caption', '/inputs/det/value'],
    );
    assert.deepEqual(Object.keys(inputs), ['caption', 'det']);
    assert.equal((await runTokenize({ inputs: { caption: 'a box' } }, model)).warnings, undefined);
  });

  test('a warning names a few words, each cut', async () => {
    const long = 'x'.repeat(80);
    const { warnings } = await read('caption', `dog cat cow hen pig ewe ${long}`);
    assert.match(warnings[0]!.detail, /"pig" and 2 more of caption$/);
    assert.ok((await read('caption', long)).warnings[0]!.detail.length < 150);
  });
});

test('what was given around a gap stays in the text, also when the gap ended it', async () => {
  // "a [S_1] on a [S_2]" with a first gap that the model ended: merged as the reference merges.
  const [span, behind, on] = ['a small cylinder', 'behind a', 'on a'].map(model.text.encode);
  const present = async (ids: readonly number[], unknownWords?: readonly string[]) => {
    const options = { seed: 0, ...(unknownWords && { unknownWords }) };
    const [output] = await makeOutputs('caption', [{ sample: 0, ids }], model, options);
    return output;
  };
  const output = await present([...span!, EOS, ...behind!]);
  assert.deepEqual([output?.text, output?.warnings], ['a small cylinder behind a', undefined]);
  // The vocabulary lacks "on": its id says no more than that.
  const restored = await present([...span!, EOS, ...on!], ['on']);
  assert.equal(restored?.text, 'a small cylinder on a');
});
