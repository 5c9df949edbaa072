/** The parts of reading a body, against what the platform itself makes of the same bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64Length, decodeBase64, encodeBase64 } from '../../edge/body/base64.ts';
import { allowedMilliseconds, createBodyBudget } from '../../edge/body/budget.ts';
import { createFiles } from '../../edge/body/files.ts';
import { readForm } from '../../edge/body/form.ts';
import { readJson } from '../../edge/body/json.ts';
import { readParts } from '../../edge/body/multipart.ts';
import { placeFiles } from '../../edge/body/placeFiles.ts';
import { formOf } from '../../shared/api/form.ts';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { fc } from '../support/properties.ts';

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const some = (length: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => (i * 2654435761) >>> 24);

/** Code and pointer of what is refused. */
async function refused(promise: Promise<unknown>) {
  const error = await promise.then(
    () => assert.fail('was not refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof FailureError, String(error));
  return [error.failure.code, error.failure.errors?.[0]?.pointer];
}

test('base64 is what the platform makes of it, over the edges of slices', async () => {
  for (const length of [0, 1, 2, 3, 4, 262_143, 262_144, 400_001]) {
    const bytes = some(length);
    const target = new Uint8Array(base64Length(length));
    await encodeBase64(bytes, target);
    const text = Buffer.from(bytes).toString('base64');
    assert.equal(Buffer.from(target).toString('latin1'), text);
    assert.deepEqual(await decodeBase64(target), bytes);
    const wrapped = text.replace(/.{76}/g, '$&\n').replace(/=+$/, '');
    assert.deepEqual(await decodeBase64(utf8(wrapped)), bytes);
  }
});

test('what is no base64 is told, as the platform tells it', async () => {
  const alphabet = fc.constantFrom(...'ABz09+/= \n-_*');
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: alphabet, maxLength: 12 }), async (text) => {
      let expected: Uint8Array | undefined;
      try {
        expected = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      } catch {}
      const decoded = await decodeBase64(utf8(text));
      assert.deepEqual(decoded && [...decoded], expected && [...expected], JSON.stringify(text));
    }),
    { numRuns: 2000 },
  );
});

test('JSON: long texts are left out, all else is as JSON.parse reads it', async () => {
  const long = 'x'.repeat(150_000);
  const value = { a: ['"', '\\', '\\"', long, { 'b"': 'é' }], c: `${long}\\`, [long]: 1 };
  const { value: read, longTexts } = await readJson(utf8(JSON.stringify(value)), 'it');
  const text = JSON.stringify(read, (_, part) =>
    typeof part === 'string' && longTexts.has(part) ? 'LONG' : part,
  );
  const [key] = [...longTexts.keys()].slice(-1);
  assert.equal(
    text.replace(JSON.stringify(key), '"LONG"'),
    JSON.stringify({ a: ['"', '\\', '\\"', 'LONG', { 'b"': 'é' }], c: 'LONG', LONG: 1 }),
  );
  assert.deepEqual(
    [...longTexts.values()].map(({ length }) => length),
    [150_000, 150_002, 150_000],
  );
});

test('JSON that does not end, is not UTF-8, or has too many parts', async () => {
  for (const text of ['{"a":"b', `{"a":"${'x'.repeat(200_000)}`, '"\\', '[1,]', '']) {
    assert.deepEqual(await refused(readJson(utf8(text), 'it')), ['invalid_json', undefined], text);
  }
  const latin1 = Uint8Array.of(0x22, 0xff, 0x22);
  assert.deepEqual(await refused(readJson(latin1, 'it')), ['invalid_json', undefined]);
  const fields = Array.from({ length: 30_000 }, (_, i) => `"${i}":1`).join(',');
  for (const text of [`{${fields}}`, '['.repeat(1_000_000), `"${'ab","'.repeat(200_000)}"`]) {
    assert.deepEqual(await refused(readJson(utf8(text), 'it')), ['too_large', undefined]);
  }
  const texts = JSON.stringify(Array.from({ length: 50 }, () => 'x'.repeat(90_000)));
  assert.deepEqual(await refused(readJson(utf8(texts), 'it')), ['too_large', undefined]);
});

const place = async (value: unknown) => {
  const files = createFiles();
  const placed = await placeFiles(await readJson(utf8(JSON.stringify(value)), 'it'), files);
  return { placed, files };
};

test('files of JSON become bytes, wherever a file can be given', async () => {
  const bytes = some(120_001);
  const base64 = Buffer.from(bytes).toString('base64');
  const url = `data:image/png;base64,${base64}`;
  const inputs = {
    a: url,
    b: { data: base64, hide: [{ box: [0, 0, 1, 1] }, { mask: url }] },
    c: { data: url, hide: { mask: base64.replace(/.{76}/g, '$&\r\n') } },
  };
  const { placed, files } = await place({ inputs, targets: ['depth'] });
  const filled = JSON.parse(Buffer.from(await files.fillIn(JSON.stringify(placed))).toString());
  assert.deepEqual(filled, {
    inputs: {
      a: { data: base64 },
      b: { data: base64, hide: [{ box: [0, 0, 1, 1] }, { mask: base64 }] },
      c: { data: base64, hide: { mask: base64 } },
    },
    targets: ['depth'],
  });
  // PHP and others escape the slash.
  const escaped = utf8(JSON.stringify({ inputs: { a: url } }).replaceAll('/', '\\/'));
  const other = createFiles();
  const value = await placeFiles(await readJson(escaped, 'it'), other);
  const name = (value as { inputs: { a: { data: string } } }).inputs.a.data;
  assert.deepEqual(other.bytesOf(name), bytes);
  assert.equal(other.bytesOf('file:0'), undefined);
});

test('long texts elsewhere are left for their fields to refuse, or refused', async () => {
  const long = 'red box '.repeat(50_000);
  const { placed } = await place({ inputs: { caption: long, d: { text: long } }, targets: [long] });
  const refusable = (text: unknown): boolean => String(text).length === 100_001;
  const { inputs, targets } = JSON.parse(JSON.stringify(placed));
  assert.ok(refusable(inputs.caption) && refusable(targets[0]) && refusable(inputs.d.text));
  assert.deepEqual(await refused(place({ inputs: { x: { value: { deep: [[long]] } } } })), [
    'invalid_request',
    '/inputs/x/value',
  ]);
  assert.deepEqual(await refused(place({ inputs: { x: { data: `${long}.` } } })), [
    'invalid_input',
    '/inputs/x',
  ]);
});

async function partsOf(form: FormData) {
  const response = new Response(form);
  const type = response.headers.get('content-type') ?? '';
  return await readParts(new Uint8Array(await response.arrayBuffer()), type);
}

test('forms are read as the platform writes them', async () => {
  const form = new FormData();
  const bytes = some(300_000);
  form.append('a', 'één\r\nline');
  form.append('q"uote\r\n', '--');
  form.append('file', new Blob([bytes]), 'x "y".png');
  form.append('empty', new Blob([]), 'x');
  form.append('last', '');
  const parts = await partsOf(form);
  assert.deepEqual(
    parts.map(({ name, isFile }) => [name, isFile]),
    [
      ['a', false],
      ['q"uote\r\n', false],
      ['file', true],
      ['empty', true],
      ['last', false],
    ],
  );
  assert.equal(Buffer.from(parts[0]?.bytes ?? []).toString(), 'één\r\nline');
  assert.deepEqual(parts[2]?.bytes, bytes);
  assert.equal(parts[4]?.bytes.length, 0);
});

test('forms as curl writes them, and broken ones', async () => {
  const type = 'multipart/form-data; boundary=b';
  const whole =
    'preamble\r\n--b\r\nContent-Disposition: form-data; name="a\\"b"; filename="x"\r\n' +
    'Content-Type: image/png\r\n\r\n\r\n--c\r\n--b\r\ncontent-disposition: form-data; name=t\r\n\r\nx\r\n--b--\r\n';
  const [file, text] = await readParts(utf8(whole), type);
  assert.deepEqual(
    [file?.name, file?.isFile, file && Buffer.from(file.bytes).toString()],
    ['a"b', true, '\r\n--c'],
  );
  assert.deepEqual([text?.name, text?.isFile], ['t', false]);
  for (let length = 0; length < whole.length - 4; length += 7) {
    assert.deepEqual(await refused(readParts(utf8(whole.slice(0, length)), type)), [
      'invalid_multipart',
      undefined,
    ]);
  }
  assert.deepEqual(await refused(readParts(utf8(whole), 'multipart/form-data')), [
    'invalid_multipart',
    undefined,
  ]);
  const many = '--b\r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n'.repeat(200);
  assert.deepEqual(await refused(readParts(utf8(`${many}--b--`), type)), ['too_large', undefined]);
});

const read = async (fields: [string, string | Blob][]) => {
  const form = new FormData();
  for (const [name, value] of fields) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, value, 'x');
  }
  return await readForm(
    await partsOf(form),
    formOf(generateRequestSchema),
    createFiles(),
    (bytes) => Promise.resolve(JSON.parse(Buffer.from(bytes).toString())),
  );
};

test('only a list may come twice; the field is named', async () => {
  const file = new Blob(['x']);
  for (const [fields, pointer] of [
    [
      [
        ['rgb', file],
        ['rgb', file],
      ],
      '/inputs/rgb',
    ],
    [
      [
        ['caption', 'a'],
        ['caption', 'a'],
      ],
      '/inputs/caption',
    ],
    [
      [
        ['rgb', file],
        ['rgb', 'text'],
      ],
      '/inputs/rgb',
    ],
    [
      [
        ['seed', '1'],
        ['seed', '1'],
      ],
      '/seed',
    ],
    [
      [
        ['model', 'a'],
        ['model', 'b'],
      ],
      '/model',
    ],
    [
      [
        ['request', '{}'],
        ['request', '{}'],
      ],
      '/request',
    ],
  ] as [[string, string | Blob][], string][]) {
    assert.deepEqual(await refused(read(fields)), ['invalid_request', pointer]);
  }
  const value = await read([
    ['targets', 'depth, normal'],
    ['targets', '{"modality":"rgb"}'],
    ['__proto__', 'x'],
    ['chained', 'false'],
    ['seed', 'random'],
    ['num_samples', '3'],
    ['request', '{"keep":true,"num_samples":1,"inputs":{"det":{"value":[]}}}'],
  ]);
  const expected =
    '{"keep":true,"num_samples":3,"inputs":{"det":{"value":[]},"__proto__":"x"},' +
    '"targets":["depth","normal",{"modality":"rgb"}],"chained":false,"seed":"random"}';
  assert.equal(JSON.stringify(value), expected);
});

test('a body has some time for each of its bytes, and all bodies a bound together', () => {
  assert.equal(allowedMilliseconds(0, 120), 10_000);
  assert.equal(allowedMilliseconds(160_000, 120), 20_000);
  assert.equal(allowedMilliseconds(1e9, 120), 120_000);
  const budget = createBodyBudget({ bytes: 10, bytesTogether: 15, seconds: 1 });
  const [one, other] = [budget.lease(), budget.lease()];
  one.hold(10);
  assert.throws(() => other.hold(6), /overloaded/);
  other.hold(5);
  one.release();
  other.hold(10);
  assert.throws(() => one.hold(1), /overloaded/);
  other.release();
  one.hold(15);
});
