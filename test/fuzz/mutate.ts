/** Changes of a request: of values within its JSON, of its text, of its headers and query. */
import fc from 'fast-check';

export type Change = (value: unknown) => unknown;
export type TextChange = (text: string) => string;

/** Values on which readers of JSON differ, or that are large, or mean something elsewhere. */
const ODD: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  1e21,
  1e308,
  -1e308,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 53 + 2,
  '',
  ' ',
  '0',
  '-1',
  'null',
  'NaN',
  '__proto__',
  'constructor',
  'toString',
  '../../keys/x',
  '\0',
  'a\r\nb: c',
  '\ud800',
  '\u{1f600}',
  '\u202e',
  'x'.repeat(300),
  'x'.repeat(5000),
  'sha256:',
  `sha256:${'0'.repeat(64)}`,
  `upload_${'0'.repeat(32)}`,
  'data:,',
  'data:image/png;base64,',
  'data:image/png;base64,AAAA',
  'https://127.0.0.1/',
  'file:///etc/passwd',
  [],
  {},
  [[]],
  [null],
  [{}],
  [1],
  ['x'],
  { '': '' },
  { x: { y: { z: [] } } },
  { length: 1 },
  Array(70).fill(0),
  Array(300).fill('x'),
  Array(5000).fill(1),
];

interface Place {
  readonly parent: Record<string, unknown> | unknown[];
  readonly key: string | number;
}

function placesOf(root: unknown): Place[] {
  const places: Place[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const isList = Array.isArray(value);
    for (const key of Object.keys(value).slice(0, 40)) {
      const place = isList ? Number(key) : key;
      places.push({ parent: value as Place['parent'], key: place });
      visit(Reflect.get(value, key));
    }
  };
  visit(root);
  return places;
}

/** Does something at one of the places of a value that is already a copy. */
const at =
  (nth: number, change: (place: Place, value: unknown) => void): Change =>
  (value) => {
    const root = { root: value };
    const places = placesOf(root);
    const place = places[nth % places.length];
    if (place) change(place, Reflect.get(place.parent, place.key));
    return root.root;
  };
const put = ({ parent, key }: Place, value: unknown): void => void Reflect.set(parent, key, value);

const nth = fc.nat(1000);
const odd = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...ODD) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);

export const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(nth, odd)
      .map(([n, value]) => at(n, (place) => put(place, structuredClone(value)))),
  },
  {
    weight: 2,
    arbitrary: nth.map((n) =>
      at(n, ({ parent, key }) => {
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else delete parent[key];
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        nth,
        fc.constantFrom('nobody', 'constructor', 'steps', 'seed', 'inputs', 'tenant', ''),
        odd,
      )
      .map(([n, name, value]) =>
        at(n, ({ parent }) => {
          if (Array.isArray(parent)) parent.push(structuredClone(value));
          else parent[name] = structuredClone(value);
        }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(nth, fc.constantFrom('nobody', '__proto_', 'x'.repeat(70), '\0', '../x'))
      .map(([n, name]) =>
        at(n, ({ parent, key }, value) => {
          if (Array.isArray(parent)) return;
          delete parent[key];
          parent[name] = value;
        }),
      ),
  },
  // The value itself, as a text, in a list, or doubled.
  {
    weight: 1,
    arbitrary: nth.map((n) => at(n, (place, value) => put(place, JSON.stringify(value)))),
  },
  { weight: 1, arbitrary: nth.map((n) => at(n, (place, value) => put(place, [value, value]))) },
  {
    weight: 2,
    arbitrary: fc.tuple(nth, fc.constantFrom(-1, 1, 0.5, 1e6, -1e6)).map(([n, by]) =>
      at(n, (place, value) => {
        if (typeof value === 'number') put(place, value + by);
        if (typeof value === 'string') put(place, `${value}${by}`);
      }),
    ),
  },
);

export const textChange: fc.Arbitrary<TextChange> = fc.oneof(
  fc
    .tuple(
      nth,
      fc.constantFrom(
        '"',
        '{',
        '}',
        '[',
        ',',
        '\\',
        '\0',
        '1e999',
        '-',
        '\u{1f600}',
        '\\ud800',
        '"__proto__":{},',
        '"a":1,"a":2,',
      ),
    )
    .map(
      ([n, text]): TextChange =>
        (given) =>
          `${given.slice(0, n % (given.length + 1))}${text}${given.slice(n % (given.length + 1))}`,
    ),
  fc.tuple(nth, fc.nat(20)).map(
    ([n, count]): TextChange =>
      (given) => {
        const from = n % (given.length + 1);
        return given.slice(0, from) + given.slice(from + count);
      },
  ),
  nth.map(
    (n): TextChange =>
      (given) =>
        given.slice(0, n % (given.length + 1)),
  ),
  fc.constantFrom<TextChange>(
    (given) => given + given,
    () => '',
    (given) => `\ufeff${given}`,
    (given) => `[${given}]`,
  ),
);

/** Headers that a request may carry, and odd values of them; the empty one is most often drawn. */
export const headerChange: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Readonly<Record<string, string>>>(
      { accept: 'application/json' },
      { accept: 'text/event-stream' },
      { accept: 'image/png' },
      { accept: 'application/x-npy' },
      { accept: 'text/plain' },
      { accept: 'text/html' },
      { accept: '*/*;q=0' },
      { accept: 'application/octet-stream' },
      { accept: 'nonsense' },
      { prefer: 'respond-async' },
      { prefer: 'wait=1' },
      { prefer: 'wait=0' },
      { prefer: 'wait=abc' },
      { prefer: '"' },
      { 'cache-control': 'no-cache' },
      { 'cache-control': 'no-store' },
      { 'cache-control': 'only-if-cached' },
      { 'cache-control': 'max-age=x' },
      { 'if-none-match': '*' },
      { 'if-none-match': '"x"' },
      { 'if-match': '*' },
      { range: 'bytes=0-3' },
      { range: 'bytes=9-1' },
      { 'idempotency-key': '"fuzz"' },
      { 'idempotency-key': 'x'.repeat(300) },
      { 'idempotency-key': '' },
      { 'content-encoding': 'gzip' },
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/json; charset=utf-16' },
      { 'content-type': '' },
      { 'x-request-id': '<x>' },
      { traceparent: 'x' },
      { 'last-event-id': '0-1' },
      { 'last-event-id': 'x' },
      { origin: 'https://a.example' },
      { 'x-4m-tenant': 'other' },
    ),
  },
);
