/** Headers that are lists: read as the RFCs write them, in one pass over any length. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCacheControl } from '../../edge/cacheControl.ts';
import { readPrefer } from '../../edge/jobs/prefer.ts';
import { elementsOf } from '../../edge/listHeader.ts';

test('elements: names in lower case, values without quotes, parameters and what has no name left out', () => {
  const element = (name: string, value = '') => ({ name, value });
  assert.deepEqual(elementsOf('A, b=1;x="y,z" ,c="d, \\" e" ,, =f, g h'), [
    element('a'),
    element('b', '1'),
    element('c', 'd, \\" e'),
  ]);
  assert.deepEqual(elementsOf(''), []);
  assert.deepEqual(elementsOf('a="b, c'), [element('a', '"b, c')]);
});

test('wishes and preferences are those of RFC 9111 and RFC 7240', () => {
  assert.equal(readCacheControl('No-Cache').mayReuse, false);
  assert.equal(readCacheControl('max-age="5"').maxAgeSeconds, 5);
  assert.equal(readCacheControl('max-age=x').maxAgeSeconds, 0);
  assert.equal(readCacheControl('no-store, only-if-cached').onlyStored, true);
  assert.deepEqual(readPrefer('handling=lenient; wait=3, wait=10;x, wait=20')?.applied, 'wait=10');
  assert.equal(readPrefer('"respond-async"'), undefined);
  assert.equal(readPrefer('Respond-Async; foo="a,b"')?.applied, 'respond-async');
});

// An expression that tries again from every place would still be at it when the test's time is over.
test('a header of a million characters takes no more than its length', { timeout: 20_000 }, () => {
  const long = 1_000_000;
  const headers = [
    `${'a'.repeat(long)}!{`,
    `a${' '.repeat(long)}{`,
    '"\\'.repeat(long / 2),
    `a="${'\\"'.repeat(long / 2)}`,
    'a ='.repeat(long / 3),
  ];
  for (const header of headers) {
    readCacheControl(header);
    readPrefer(header);
  }
});
