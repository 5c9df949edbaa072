/** One number -> a request to an operation: one that fits its schemas, or the same with changes. */
import fc from 'fast-check';
import { generateSync } from 'json-schema-faker';
import type { Asked } from '../security/ask.ts';
import { createDraw, type Draw } from './draw.ts';
import { change, headerChange, textChange } from './mutate.ts';
import type { Document, FuzzOperation, FuzzParameter, Json } from './operations.ts';
import { type Known, plausible } from './plausible.ts';

export interface FuzzCase {
  readonly operation: FuzzOperation;
  /** What was done to a request that fits. */
  readonly kind: 'valid' | 'changed' | 'broken';
  readonly asked: Asked;
}

interface Plan {
  readonly seed: number;
  readonly kind: FuzzCase['kind'];
  readonly changes: readonly ((value: unknown) => unknown)[];
  readonly textChanges: readonly ((text: string) => string)[];
  readonly headers: Readonly<Record<string, string>>;
  readonly query: readonly (readonly [string, string])[];
}

/** Any character, and halves of such. The library's own kind takes seconds to begin. */
const character = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code));

const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant('valid' as const) },
    { weight: 5, arbitrary: fc.constant('changed' as const) },
    { weight: 1, arbitrary: fc.constant('broken' as const) },
  ),
  changes: fc.array(change, { minLength: 1, maxLength: 3 }),
  textChanges: fc.array(textChange, { minLength: 1, maxLength: 2 }),
  headers: headerChange,
  query: fc.array(
    fc.tuple(
      fc.constantFrom('inline', 'limit', 'after', 'nobody', '__proto__', 'version', 'model'),
      fc.oneof(
        fc.string({ unit: character, maxLength: 10 }),
        fc.constantFrom('true', '-1', '1e9', ''),
      ),
    ),
    { maxLength: 1 },
  ),
});

/** For an address; halves of characters become what UTF-8 has in their place. */
const escaped = (text: string): string => encodeURIComponent(Buffer.from(text).toString());
/** As a step of a path, which dots alone are none of. */
const stepped = (text: string): string => (/^\.{0,2}$/.test(text) ? '-' : escaped(text));

/** Names of paths by where they stand. */
function stepOf({ path }: FuzzOperation, { name }: FuzzParameter, known: Known, draw: Draw) {
  if (name === 'event') return draw.pick(known.events);
  if (name === 'ref') return draw.pick(known.refs);
  if (name === 'name') return draw.pick(path.includes('/heads/') ? known.heads : known.collections);
  if (path.includes('/jobs/')) return draw.pick(known.jobs);
  if (path.includes('/batches/')) return draw.pick(known.batches);
  if (path.includes('/uploads/')) return draw.pick(known.uploads);
  if (path.includes('/results/')) return draw.pick(known.results);
  if (path.includes('/items/')) return draw.pick(known.items);
  return undefined;
}

const NPY = Buffer.concat([
  Buffer.from('\x93NUMPY\x01\x00\x46\x00', 'latin1'),
  Buffer.from("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }".padEnd(69)),
  Buffer.from('\n'),
  Buffer.alloc(12, 1),
]);

/** Bytes of a body that is no JSON. */
function bytesOf(type: string, draw: Draw): string | Uint8Array {
  if (type.includes('json')) {
    const line = JSON.stringify({
      custom_id: `${draw.int(0, 9)}`,
      method: 'POST',
      url: '/v1/tokenize',
      body: { inputs: { caption: 'x' } },
    });
    return draw.pick([
      `${line}\n`,
      `${line}\n${line}\n`,
      '{"id":"a","vector":[1,2,3]}\n',
      '{}\n',
      'x\n',
      '\n',
    ]);
  }
  return draw.pick<string | Uint8Array>([NPY, NPY.subarray(0, 90), 'PAR1', 'x', '']);
}

/** A form of the JSON: a field for each of its own. */
function formOf(value: unknown): string {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const fields = entries.flatMap(([name, part]): [string, unknown][] =>
    name === 'inputs' && typeof part === 'object' && part !== null
      ? Object.entries(part)
      : [[name, part]],
  );
  const parts = fields.map(([name, part]) => {
    const text = typeof part === 'string' ? part : JSON.stringify(part);
    return `--b\r\nContent-Disposition: form-data; name="${encodeURIComponent(name)}"\r\n\r\n${text}\r\n`;
  });
  return `${parts.join('')}--b--\r\n`;
}

/** Names of the schemas that one refers to, and that those refer to. */
function referred({ schemas }: Document['components'], schema: Json, found = new Set<string>()) {
  for (const [, name = ''] of JSON.stringify(schema).matchAll(
    /"#\/components\/schemas\/([^"]+)"/g,
  )) {
    if (found.has(name)) continue;
    found.add(name);
    referred({ schemas }, schemas[name] ?? {}, found);
  }
  return found;
}

const SHORT = 100;
/** One in so many values has texts as long as they may be. */
const LONG_IN = 16;

/** The same with shorter texts: a text is drawn letter by letter, and those that may be long cost most of the time. */
const shortened = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      name === 'maxLength' && typeof part === 'number'
        ? Math.min(part, Math.max(SHORT, Number((value as Json).minLength ?? 0)))
        : shortened(part),
    ]),
  );
};

/** A schema with what it refers to alone: the whole document would be gone through for each value. */
function createComplete({ components }: Document): (schema: Json, isShort: boolean) => Json {
  const known = [new Map<Json, Json>(), new Map<Json, Json>()] as const;
  return (schema, isShort) => {
    const own = known[isShort ? 1 : 0];
    const before = own.get(schema);
    if (before) return before;
    const schemas = Object.fromEntries(
      [...referred(components, schema)].map((name) => [name, components.schemas[name] ?? {}]),
    );
    const complete = { ...schema, components: { schemas } };
    own.set(schema, isShort ? (shortened(complete) as Json) : complete);
    return own.get(schema) ?? complete;
  };
}

/** @param document whose references the schemas follow */
export function createCases(document: Document, known: Known) {
  const complete = createComplete(document);
  const fake = (schema: Json, seed: number, share: number): unknown =>
    generateSync(complete(schema, seed % LONG_IN !== 0), {
      seed,
      optionalsProbability: share,
      maxDefaultItems: 3,
      maxItems: 3,
      refDepthMax: 4,
      failOnInvalidTypes: false,
    });

  function caseOf(operation: FuzzOperation, plan: Plan): FuzzCase {
    const draw = createDraw(plan.seed);
    const isValid = plan.kind === 'valid';
    const query: (readonly [string, string])[] = [];
    const headers: Record<string, string> = {};
    let { path } = operation;
    for (const own of operation.parameters) {
      const drawn = fake(own.schema, draw.int(0, 2 ** 31 - 1), 1);
      if (own.in === 'path') {
        const name = draw.chance(0.8) ? stepOf(operation, own, known, draw) : undefined;
        path = path.replace(`{${own.name}}`, stepped(name ?? String(drawn)));
      } else if (draw.chance(0.2)) {
        if (own.in === 'query') query.push([own.name, String(drawn)]);
      }
    }
    if (!isValid) query.push(...plan.query);
    const search = query.map((pair) => pair.map(escaped).join('=')).join('&');
    const asked = { method: operation.method, path: search === '' ? path : `${path}?${search}` };
    const types = [...operation.bodies];
    if (types.length === 0)
      return {
        operation,
        kind: plan.kind,
        asked: { ...asked, headers: isValid ? {} : plan.headers },
      };
    const [type, schema] = draw.chance(0.8) ? (types[0] ?? draw.pick(types)) : draw.pick(types);
    const body = bodyOf(operation.id, type, schema, plan, draw);
    // The protocol of tools wants both to be accepted.
    if (operation.id === 'mcp') headers.accept = 'application/json, text/event-stream';
    headers['content-type'] = type === 'multipart/form-data' ? `${type}; boundary=b` : type;
    return {
      operation,
      kind: plan.kind,
      asked: { ...asked, body, headers: { ...headers, ...(!isValid && plan.headers) } },
    };
  }

  function bodyOf(
    id: string,
    type: string,
    schema: Json,
    plan: Plan,
    draw: Draw,
  ): string | Uint8Array {
    const isForm = type === 'multipart/form-data';
    if (type !== 'application/json' && !isForm) return bytesOf(type, draw);
    const made = plausible(id, fake(schema, plan.seed, draw.pick([0, 0.3, 0.7])), known, draw);
    const value =
      plan.kind === 'changed'
        ? plan.changes.reduce((before, apply) => apply(before), structuredClone(made))
        : made;
    const text = isForm ? formOf(value) : (JSON.stringify(value) ?? '');
    return plan.kind === 'broken'
      ? plan.textChanges.reduce((before, apply) => apply(before), text)
      : text;
  }

  /** Requests that follow from a seed, of every operation in turn. */
  return function* cases(
    operations: readonly FuzzOperation[],
    seed: number,
    count: number,
  ): Generator<FuzzCase> {
    const drawn = fc.sample(plans, { numRuns: count, seed });
    for (const [i, plan] of drawn.entries()) {
      const operation = operations[i % operations.length];
      if (operation) yield caseOf(operation, plan);
    }
  };
}
