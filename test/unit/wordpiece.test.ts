/** The text tokenizer on the published vocabulary; ids are those stated for it in the reference. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  createTextTokenizer,
  loadTextTokenizer,
  type TextTokenizer,
} from '../../worker/text/wordpiece.ts';
import { sharedPath, skipWithout } from '../support/shared.ts';

const FILE = 'reference/text_tokenizer_4m_wordpiece_30k.json';

describe('published vocabulary', { skip: skipWithout(FILE) }, () => {
  let text: TextTokenizer;
  before(async () => {
    text = await loadTextTokenizer(sharedPath(FILE));
  });

  test('special tokens', () => {
    assert.equal(text.specials.eos, 3);
    assert.equal(text.specials.sentinel(1), 5);
    assert.equal(text.specials.sentinel(199), 203);
    assert.deepEqual([3, 4, 203, 204].map(text.specials.isSentinel), [false, true, true, false]);
  });

  test('coordinates, class names and ordinary words', () => {
    assert.deepEqual(
      text.encode('v0=0 v1=999 v2=0 v3=999 dining table'),
      [204, 2203, 2204, 4203, 4231],
    );
    assert.deepEqual(
      text.encode('point polygon none human pose global shape camera'),
      [6712, 14445, 18109, 6304, 8620, 9292, 6631, 5585],
    );
    assert.deepEqual(text.encode('A PERSON, zebra'), [
      ...text.encode('a'),
      4253,
      ...text.encode(','),
      4283,
    ]);
  });

  test('a single word is not found inside another one', () => {
    const apples = text.encode('apples');
    assert.ok(!apples.includes(text.encode('apple')[0]!), `${apples}`);
    assert.equal(text.decode(apples), 'apples');
    assert.ok(!text.encode('v0=12345').includes(216), 'v0=12 is not the start of v0=12345');
  });

  test('nothing is appended, and empty text has no ids', () => {
    assert.deepEqual(text.encode(''), []);
    assert.deepEqual(text.encode('  \n'), []);
    assert.deepEqual(text.encode('zebra'), [4283]);
  });

  test('accents fall, and decoding drops bracketed tokens alone', () => {
    assert.equal(text.decode(text.encode('Café')), 'cafe');
    const ids = [5, ...text.encode('person with an apple'), 3, 6, 0];
    assert.equal(text.decode(ids), 'person with an apple');
    assert.equal(text.decode([3, 5]), '');
  });
});

test('a file without the tokens that generation needs is refused by name', () => {
  const model = { type: 'WordPiece', vocab: { a: 0 }, unk_token: '[UNK]' };
  assert.throws(() => createTextTokenizer({ added_tokens: [], model }), /\[PAD\]/);
  assert.throws(() => createTextTokenizer({ added_tokens: [], model: { type: 'BPE' } }), /model/);
});
