/**
 * Values that fit a schema name things that are not there, and so are refused at the first name. This puts names in
 * that the server knows, so that most requests come as far as they can; and bounds what one may cost.
 */

import type { Draw } from './draw.ts';
import type { Json } from './operations.ts';
import { settle } from './settle.ts';

export interface KnownInput {
  readonly name: string;
  /** Forms in which it can be given, as /v1/modalities says them. */
  readonly accepts: readonly string[];
  /** Tokens of a grid, or the most that a sequence has. */
  readonly tokens: number;
  /** Ids that its tokens have. */
  readonly vocabulary: number;
}

/** Names that the server knows, by what they are. */
export interface Known {
  readonly models: readonly string[];
  readonly inputs: readonly KnownInput[];
  readonly targets: readonly string[];
  readonly embeddings: readonly string[];
  readonly collections: readonly string[];
  readonly heads: readonly string[];
  readonly uploads: readonly string[];
  readonly refs: readonly string[];
  readonly jobs: readonly string[];
  readonly batches: readonly string[];
  readonly events: readonly string[];
  readonly results: readonly string[];
  readonly items: readonly string[];
}

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==';
const WORDS = [
  'a red box',
  'a small cyan cone left of a blue sphere',
  '',
  'v0=1',
  '[S_1]',
  'é 中 \u{1f600}',
];
const MOST_STEPS = 4;
const DEADLINE_MILLISECONDS = 3000;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value in one of the forms that a modality takes. */
function fitting({ accepts, tokens, vocabulary }: KnownInput, draw: Draw): unknown {
  const ids = Array.from({ length: tokens }, () => draw.int(0, Math.max(0, vocabulary - 1)));
  const forms: Readonly<Record<string, unknown>> = {
    image: draw.pick<unknown>([
      { data: PIXEL },
      `data:image/png;base64,${PIXEL}`,
      { data: PIXEL, hide: { box: [0, 0, 0.5, 0.5] } },
    ]),
    text: draw.pick<unknown>([draw.pick(WORDS), { text: draw.pick(WORDS) }]),
    tokens: { tokens: draw.chance(0.7) ? ids : ids.map((id) => (draw.chance(0.3) ? null : id)) },
  };
  const own = accepts.filter((form) => form in forms);
  return own.length === 0 ? 'x' : forms[draw.pick(own)];
}

/** A value of an input: one that fits, what the schema drew, or one that fits another. */
function inputOf(drawn: unknown, input: KnownInput, known: Known, draw: Draw): unknown {
  if (draw.chance(0.8)) return fitting(input, draw);
  return draw.pick<unknown>([
    drawn,
    draw.pick(WORDS),
    { data: PIXEL },
    { ref: draw.pick(known.refs) },
    { upload: draw.pick(known.uploads) },
    {
      value: draw.pick<unknown>([
        [],
        {},
        [1, 2, 3],
        'x',
        null,
        [{ box: [0, 0, 1, 1], class: 'box' }],
      ]),
    },
  ]);
}

function inputsOf(value: Json, known: Known, draw: Draw): Json {
  const drawn = Object.values(value);
  const inputs = draw.some(known.inputs, 1, 2);
  return Object.fromEntries(
    inputs.map((input, i) => [input.name, inputOf(drawn[i] ?? 'x', input, known, draw)]),
  );
}

/** Complete tokens of some modalities, or what names them. */
const tokensOf = (known: Known, draw: Draw): Json =>
  Object.fromEntries(
    draw.some(known.inputs, 1, 2).map(({ name, tokens, vocabulary }) => {
      const ids = Array.from({ length: tokens }, () => draw.int(0, Math.max(0, vocabulary - 1)));
      return [name, draw.chance(0.7) ? { tokens: ids } : { ref: draw.pick(known.refs) }];
    }),
  );

/** Field -> what is known to stand there; undefined leaves what was drawn. */
function namedIn(field: string, parent: Json, known: Known, draw: Draw): string | undefined {
  if (field === 'model') return draw.pick(known.models);
  if (field === 'modality') return draw.pick(known.targets);
  if (field === 'target') return draw.pick(known.embeddings);
  if (field === 'upload' || field === 'input_file_id') return draw.pick(known.uploads);
  if (field === 'ref') return draw.pick(known.refs);
  if (field === 'head') return draw.pick(known.heads);
  if (field === 'item') return draw.pick(known.items);
  // Named beside the field of labels, a name is that of a collection.
  if (field === 'name' && 'label_field' in parent) return draw.pick(known.collections);
  return undefined;
}

/** Fields that cost: as small as they may be, most of the time. */
function bounded(field: string, value: unknown, draw: Draw): unknown {
  if (field === 'steps' && typeof value === 'number') return draw.int(1, MOST_STEPS);
  if (field === 'num_samples' || field === 'samples') return draw.int(1, 2);
  if (field === 'max_tokens') return draw.int(1, 8);
  if (field === 'folds') return 2;
  return value;
}

function walk(value: unknown, known: Known, draw: Draw): unknown {
  if (Array.isArray(value)) return value.slice(0, 3).map((item) => walk(item, known, draw));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([field, part]): [string, unknown] => {
    if (field === 'inputs' && isObject(part)) return [field, inputsOf(part, known, draw)];
    if (field === 'tokens' && isObject(part)) return [field, tokensOf(known, draw)];
    if (field === 'targets' && Array.isArray(part)) {
      const targets = part
        .slice(0, 2)
        .map((target) =>
          isObject(target) && !draw.chance(0.5)
            ? walk(target, known, draw)
            : draw.pick(known.targets),
        );
      return [field, targets.length > 0 ? targets : [draw.pick(known.targets)]];
    }
    if (field === 'guidance' && isObject(part))
      return [field, { [draw.pick(known.inputs).name]: draw.int(-2, 3) }];
    const name = typeof part === 'string' ? namedIn(field, value, known, draw) : undefined;
    return [field, name ?? bounded(field, walk(part, known, draw), draw)];
  });
  return Object.fromEntries(entries);
}

/**
 * @param id of the operation
 * @param value that fits the schema of its body
 */
export function plausible(id: string, value: unknown, known: Known, draw: Draw): unknown {
  if (!isObject(value)) return value;
  const walked = walk(value, known, draw);
  const isLikely = draw.chance(id === 'imageGenerations' ? 0.98 : 0.9);
  const likely = isObject(walked) && isLikely ? settle(id, walked, known, draw) : walked;
  // What takes longer is given up, so that no case holds up the others.
  const mayTakeLong = isObject(likely) && ('targets' in likely || 'examples' in likely);
  return mayTakeLong ? { ...likely, deadline_ms: DEADLINE_MILLISECONDS } : likely;
}
