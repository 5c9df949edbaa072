/** What a hostile or careless client sends. Bodies are made once, before anything is timed. */
import { form, gzipBomb, manyFields, noisePicture, npy, oneBitPng } from './inputs.ts';
import { hold, type Message, type Sent, send } from './send.ts';

export interface Address {
  readonly edge: string;
  readonly worker: string;
}

export interface Attack {
  readonly name: string;
  readonly run: (address: Address) => Promise<readonly Sent[]>;
}

/** How long a hostile client waits for its answer. */
const PATIENCE_MS = 10_000;
const HELD = 100;
const HELD_MS = 6_000;

const generate = (body: unknown, path = '/v1/generate'): Message => ({
  path,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});
const caption = (text: string): Message =>
  generate({ inputs: { caption: text }, targets: ['depth'] });
const picture = (file: Buffer, more: object = {}): Message =>
  generate({ inputs: { rgb: { data: file.toString('base64'), ...more } }, targets: ['depth'] });

const once =
  (message: Message, count = 1, patience = PATIENCE_MS): Attack['run'] =>
  ({ edge }) =>
    Promise.all(
      Array.from({ length: count }, () => send(edge, message, AbortSignal.timeout(patience))),
    );

const texts = (): Attack[] => [
  { name: 'brackets', run: once(caption('['.repeat(19_000_000))) },
  { name: 'words', run: once(caption('red box '.repeat(2_400_000))) },
  {
    name: 'words_as_text',
    run: once(
      generate({ inputs: { caption: { text: 'red box '.repeat(12_000) } }, targets: ['depth'] }),
      4,
    ),
  },
  { name: 'one_word', run: once(caption('a'.repeat(19_000_000))) },
  {
    name: 'boxes',
    run: once(
      generate({
        inputs: { det: 'xmin=1 ymin=2 xmax=3 ymax=4 person '.repeat(230_000) },
        targets: ['depth'],
      }),
    ),
  },
  {
    name: 'box_values',
    run: once(
      generate({
        inputs: {
          det: {
            value: Array.from({ length: 8000 }, () => ({
              box: [0, 0, 1, 1],
              class: 'x'.repeat(100),
            })),
          },
        },
        targets: ['depth'],
      }),
      4,
    ),
  },
];

async function pictures(): Promise<Attack[]> {
  const flat = oneBitPng(7071);
  const mask = { mask: flat.toString('base64') };
  const [large, larger, jpeg] = [
    await noisePicture(7_000_000, 'png'),
    await noisePicture(14_000_000, 'png'),
    await noisePicture(14_000_000, 'jpeg'),
  ];
  const asForm = form(larger, { targets: 'depth' });
  const formMessage: Message = { path: '/v1/generate', ...asForm };
  return [
    { name: 'flat_picture', run: once(picture(flat), 4) },
    { name: 'flat_masks', run: once(picture(flat, { hide: Array(8).fill(mask) })) },
    { name: 'picture_7mb', run: once(picture(large)) },
    { name: 'picture_14mb', run: once(picture(larger)) },
    { name: 'picture_14mb_again', run: once(picture(larger)) },
    { name: 'jpeg_14mb', run: once(picture(jpeg)) },
    { name: 'form_14mb', run: once(formMessage) },
    { name: 'eight_pictures', run: once(picture(larger), 8) },
    { name: 'eight_forms', run: once(formMessage, 8) },
  ];
}

function values(): Attack[] {
  const array = (file: Buffer): Message =>
    generate({ inputs: { depth: { data: file.toString('base64') } }, targets: ['normal'] });
  const deep = '['.repeat(9_000_000) + ']'.repeat(9_000_000);
  const keys = Array.from({ length: 500_000 }, (_, i) => `"k${i}":1`).join(',');
  return [
    { name: 'array_14mb', run: once(array(npy([1900, 1900], 1900 * 1900 * 4)), 4) },
    { name: 'array_of_lies', run: once(array(npy([100_000, 100_000], 1000))) },
    { name: 'deep_json', run: once(generate(deep)) },
    {
      name: 'deep_value',
      run: once(generate(`{"inputs":{"det":{"value":${deep}}},"targets":["depth"]}`)),
    },
    {
      name: 'numbers',
      run: once(
        generate(`{"inputs":{"rgb":{"tokens":[${'1,'.repeat(9_000_000)}1]}},"targets":["depth"]}`),
      ),
    },
    {
      name: 'floats',
      run: once(
        generate(
          `{"inputs":{"det":{"value":[${'0.123456789,'.repeat(1_500_000)}1]}},"targets":["depth"]}`,
        ),
      ),
    },
    {
      name: 'name_of_1mb',
      run: once(generate({ inputs: { ['n'.repeat(1_000_000)]: 'x' }, targets: ['depth'] })),
    },
    {
      name: 'unknown_keys',
      run: once(generate(`{"inputs":{"caption":"a"},"targets":["depth"],${keys}}`)),
    },
    { name: 'unknown_inputs', run: once(generate(`{"inputs":{${keys}},"targets":["depth"]}`)) },
    {
      name: 'bad_targets',
      run: once(generate(`{"inputs":{"caption":"a"},"targets":[${'"",'.repeat(4_000_000)}""]}`)),
    },
    { name: 'escapes', run: once(caption('\\u0000'.repeat(3_000_000))) },
    {
      name: 'escaped_quotes',
      run: once(
        generate(`{"inputs":{"caption":"${'\\"'.repeat(9_000_000)}"},"targets":["depth"]}`),
      ),
    },
    {
      name: 'backslashes',
      run: once(
        generate(`{"inputs":{"caption":"${'\\\\'.repeat(9_000_000)}"},"targets":["depth"]}`),
      ),
    },
    { name: 'fields', run: once({ path: '/v1/generate', ...manyFields(250_000) }) },
    {
      name: 'tokenize_words',
      run: once(generate({ inputs: { caption: 'red box '.repeat(2_400_000) } }, '/v1/tokenize')),
    },
    {
      name: 'detokenize_numbers',
      run: once(
        generate(`{"tokens":{"depth":{"tokens":[${'1,'.repeat(9_000_000)}1]}}}`, '/v1/detokenize'),
      ),
    },
    {
      name: 'gzip_bomb',
      run: once({
        path: '/v1/generate',
        body: gzipBomb(300),
        headers: { 'content-encoding': 'gzip' },
      }),
    },
  ];
}

/** As many items as a call takes, each as much work as it may be. */
function items(): Attack[] {
  const many = (inputs: object, count = 256) => Array.from({ length: count }, () => ({ inputs }));
  const embed = (body: object, count = 1): Attack['run'] =>
    once(generate(body, '/v1/embed'), count);
  const words = { caption: 'red box '.repeat(4) };
  const most = { target: 'scene_global', steps: 16, samples: 16, guidance_scale: 2 };
  const tokens = { rgb: { tokens: Array.from({ length: 256 }, (_, i) => i) } };
  return [
    { name: 'embed_items', run: embed({ items: many(words), ...most }, 4) },
    { name: 'embed_wrong_items', run: embed({ items: many({ nothing: 'x' }), ...most }, 8) },
    { name: 'embed_all_tokens', run: embed({ items: many(tokens, 6), features: 'tokens' }, 4) },
    {
      name: 'embed_all_tokens_base64',
      run: embed({ items: many(tokens, 22), features: 'tokens', format: 'base64' }, 4),
    },
  ];
}

function connections(): Attack[] {
  const upload: Message = { path: '/v1/generate', body: Buffer.alloc(19_000_000, 0x20) };
  const internal: Message = { path: '/internal/generate', body: Buffer.alloc(60_000_000, 0x20) };
  const many = (url: string, how: Parameters<typeof hold>[1]): Promise<Sent[]> =>
    Promise.all(Array.from({ length: HELD }, () => hold(url, how)));
  const held = (atOnce: number, everyMs: number) => ({
    message: upload,
    atOnce,
    everyMs,
    milliseconds: HELD_MS,
  });
  return [
    { name: 'held_uploads', run: ({ edge }) => many(edge, held(upload.body.length - 1, 0)) },
    { name: 'dribbled_bodies', run: ({ edge }) => many(edge, held(1, 500)) },
    {
      name: 'unsigned_60mb',
      run: ({ worker }) =>
        Promise.all(
          Array.from({ length: 8 }, () => send(worker, internal, AbortSignal.timeout(PATIENCE_MS))),
        ),
    },
    {
      name: 'left_alone',
      run: once(
        generate({
          inputs: { caption: 'a red box' },
          targets: ['rgb', 'depth', 'normal', 'semseg'].map((modality) => ({
            modality,
            scheme: 'roar',
            steps: 64,
          })),
          num_samples: 16,
        }),
        1,
        1500,
      ),
    },
  ];
}

/** In the order in which they are sent. */
export const attacks = async (): Promise<Attack[]> => [
  ...values(),
  ...connections(),
  ...(await pictures()),
  ...texts(),
  ...items(),
];
