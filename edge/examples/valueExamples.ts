/** Examples of operations that make, read and decode values, and of those that make vectors of them. */
import type { Example } from './example.ts';

const PICTURE = { data: '@picture.png' };
const REFERENCE = { ref: 'TOKENS_REF' };

export const VALUE_EXAMPLES = {
  generate: [
    {
      title: 'A caption and boxes of a picture',
      body: { inputs: { rgb: PICTURE }, targets: ['caption', 'det'] },
      client: ({ body }) => `client.generate(${body()})`,
    },
    {
      title: 'The depth of a picture, as a picture',
      headers: { Accept: 'image/png' },
      body: { inputs: { rgb: PICTURE }, targets: ['depth'] },
      answer: { saveAs: 'depth.png' },
      client: ({ body }) => `client.generateFile(${body()})`,
    },
    {
      title: 'A picture of a caption, with settings of its own',
      headers: { Accept: 'image/png' },
      body: {
        inputs: { caption: 'a red sphere left of a blue box' },
        targets: [{ modality: 'rgb', scheme: 'maskgit', steps: 12, guidance_scale: 2 }],
        seed: 7,
      },
      answer: { saveAs: 'rgb.png' },
      client: ({ body }) => `client.generateFile(${body()})`,
    },
    {
      title: 'What it would cost',
      body: { inputs: { rgb: PICTURE }, preset: 'rgb-to-all', dry_run: true },
      client: ({ body }) =>
        `client.dryRun({ inputs: ${body('inputs')}, preset: ${body('preset')} })`,
    },
  ],
  tokenize: [
    {
      body: { inputs: { rgb: PICTURE }, keep: true },
      client: ({ body }) => `client.tokenize(${body()})`,
    },
  ],
  detokenize: [
    {
      headers: { Accept: 'image/png' },
      body: { tokens: { rgb: REFERENCE } },
      answer: { saveAs: 'rgb.png' },
    },
  ],
  tokens: [
    {
      path: REFERENCE,
      client: ({ path }) => `client.tokens(${path('ref')})`,
    },
  ],
  deleteResult: [
    {
      path: { id: 'RESULT_ID' },
      client: ({ path }) => `client.deleteResult(${path('id')})`,
    },
  ],
  embed: [
    {
      body: {
        items: [{ inputs: { rgb: PICTURE } }, { inputs: { caption: 'a red sphere' } }],
        target: 'scene_global',
      },
      client: ({ body }) => `client.embed(${body()})`,
    },
  ],
} as const satisfies Record<string, readonly Example[]>;
