/** A grey picture of 16 bits is read as the published code reads it, and its caller is told. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspectPicture } from '../../worker/image/inspect.ts';
import { warnOfClipping } from '../../worker/tasks/clipping.ts';
import { startReading } from '../../worker/tasks/reading.ts';
import { OWN_CASES } from '../support/cases.ts';

const AT = '/inputs/x';

test('grey of 16 bits causes a warning where 8 bits are read, and nowhere else', async () => {
  const warned = async (name: string, presentation: 'rgb' | 'edge' | 'depth' | 'semseg') => {
    const reading = startReading();
    const bytes = await readFile(join(OWN_CASES, 'pictures', name));
    warnOfClipping(await inspectPicture(bytes, AT), presentation, AT, reading);
    return reading.warnings.map(({ code, pointer }) => [code, pointer]);
  };
  for (const presentation of ['rgb', 'edge'] as const)
    assert.deepEqual(await warned('l16.png', presentation), [['clipped_values', AT]]);
  for (const presentation of ['depth', 'semseg'] as const)
    assert.deepEqual(await warned('l16.png', presentation), []);
  for (const name of ['l.png', 'la16.png', 'rgb16.png'])
    assert.deepEqual(await warned(name, 'rgb'), [], name);
});
