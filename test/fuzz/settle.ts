/**
 * What schemas cannot say: which fields exclude each other, and which of several has to be there. Most requests are
 * settled, so that they come behind the first check; the others show what that check says.
 */
import type { Draw } from './draw.ts';
import type { Json } from './operations.ts';
import type { Known } from './plausible.ts';

type Settle = (drawn: Json, known: Known, draw: Draw) => Json;

const without = (value: Json, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

const PREDICTION = ['steps', 'scheme', 'samples', 'temperature', 'guidance_scale', 'seed'];
const TEXTS = ['a red box', 'a blue cone', 'a green box', 'a grey cone'];

const examples = (draw: Draw): Json[] =>
  TEXTS.map((caption, i) => ({
    inputs: { caption },
    label: i % 2 === 0 ? 'box' : draw.pick(['cone', 'x']),
  }));

/** Webhooks lead nowhere; a filter needs one. */
const untold = (value: Json, draw: Draw): Json => {
  const plain = without(value, 'webhook', 'webhook_events_filter');
  return draw.chance(0.1) ? { ...plain, webhook: 'https://hooks.invalid/fuzz' } : plain;
};

const SETTLE: Partial<Record<string, Settle>> = {
  generate: (drawn, known, draw) => ({
    ...without(drawn, ...(draw.chance(0.8) ? ['preset'] : [])),
    targets: drawn.targets ?? [draw.pick(known.targets)],
    ...(draw.chance(0.5) && { dry_run: true }),
  }),
  embed(drawn, known, draw) {
    const one = draw.chance(0.5)
      ? without(drawn, 'items')
      : { ...without(drawn, 'inputs'), items: [{ inputs: drawn.inputs }] };
    if (draw.chance(0.5))
      return {
        ...without(one, 'target', ...PREDICTION),
        features: draw.pick(['mean', 'modalities']),
      };
    return { ...without(one, 'features', 'scheme'), target: draw.pick(known.embeddings) };
  },
  embeddings: (drawn, known, draw) => ({
    ...without(drawn, 'dimensions'),
    model: draw.pick(known.models),
    input: draw.pick([TEXTS, 'a box']),
  }),
  classify: (drawn, known, draw) => ({
    ...without(drawn, 'items', 'neighbours', 'version', 'model'),
    head: draw.pick(known.heads),
  }),
  fitHead: (drawn, _, draw) => ({
    ...without(drawn, 'collection', 'features', 'model'),
    name: draw.pick(['fuzzed', 'a.b', 'X-1']),
    examples: examples(draw),
    folds: 2,
  }),
  search(drawn, known, draw) {
    const one = draw.pick<Json>([
      { vector: [1, 0, draw.int(-3, 3)] },
      { item: draw.pick(known.items) },
      {
        mix: [
          { vector: [1, 2, 3], weight: draw.int(1, 3) },
          { item: draw.pick(known.items), weight: -1 },
        ],
      },
      { inputs: { caption: draw.pick(TEXTS) } },
    ]);
    return { ...without(drawn, 'inputs', 'item', 'vector', 'mix', 'filter'), ...one };
  },
  addItems: (drawn, _, draw) => ({
    ...drawn,
    items: Array.from({ length: draw.int(1, 3) }, (_item, i) => ({
      id: `item ${draw.int(0, 99)}-${i}`,
      vector: [1, draw.int(-9, 9), 0.5],
    })),
  }),
  createCollection: (drawn) => ({ ...drawn, metadata: {} }),
  createBatch: (drawn, known, draw) => ({
    ...without(drawn, 'input', 'endpoint'),
    input_file_id: draw.pick(known.uploads),
  }),
  imageGenerations: (drawn, _, draw) => ({
    ...without(drawn, 'size', 'partial_images', 'stream', 'model', 'seed'),
    // A picture takes seconds to make: the one that was made is answered again, but for a few.
    prompt: draw.chance(0.97) ? 'a box' : draw.pick(TEXTS),
    seed: 1,
    n: 1,
  }),
  mcp(drawn, known, draw) {
    const tool = draw.pick([
      { name: 'list_models', arguments: {} },
      { name: 'search', arguments: { collection: draw.pick(known.collections), text: 'a box' } },
      { name: 'embed', arguments: { inputs: { caption: 'a box' } } },
      { name: 'nobody', arguments: drawn },
    ]);
    const method = draw.pick(['ping', 'tools/list', 'tools/call', 'tools/call', 'nobody/nothing']);
    return { jsonrpc: '2.0', id: 1, method, ...(method === 'tools/call' && { params: tool }) };
  },
};

/** Operations whose request names inputs, and those whose end can be told. */
const TAKES_INPUTS: ReadonlySet<string> = new Set(['generate', 'embed', 'classify', 'tokenize']);
const IS_TOLD: ReadonlySet<string> = new Set(['generate', 'embed', 'classify', 'fitHead']);

/** @param id of the operation whose body it is */
export function settle(id: string, value: Json, known: Known, draw: Draw): Json {
  const given = TAKES_INPUTS.has(id) ? { inputs: { caption: draw.pick(TEXTS) }, ...value } : value;
  const rule = Object.hasOwn(SETTLE, id) ? SETTLE[id] : undefined;
  const settled = rule ? rule(given, known, draw) : given;
  return IS_TOLD.has(id) ? untold(settled, draw) : settled;
}
