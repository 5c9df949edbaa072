/** What the callers ask; every request has a seed of its own, so that none is answered from the store. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '../../../infra/stack.ts';
import { RANDOM_MODEL } from './randomSet.ts';

const SCENES = 4;

/** Pictures of the demo's world as data URLs. */
export const pictures = (): Promise<string[]> =>
  Promise.all(
    Array.from({ length: SCENES }, async (_, i) => {
      const bytes = await readFile(join(repositoryRoot, 'examples', `scene-${i + 1}.png`));
      return `data:image/png;base64,${bytes.toString('base64')}`;
    }),
  );

let seed = 0;

export type Kind = 'caption64_b' | 'caption_demo' | 'depth_demo' | 'depth_b' | 'caption256_b';

const DEMO = '4m-shapes';

/** The random model has no words to end with: its captions are as long as they may be. */
const caption = (tokens: number) => ({ modality: 'caption', max_tokens: tokens });

const BODIES: Readonly<Record<Kind, object>> = {
  caption64_b: { model: RANDOM_MODEL, targets: [caption(64)] },
  caption256_b: { model: RANDOM_MODEL, targets: [caption(256)] },
  // It has no tokenizers: pictures stay tokens.
  depth_b: { model: RANDOM_MODEL, targets: ['depth'], outputs: 'tokens' },
  caption_demo: { model: DEMO, targets: ['caption'] },
  depth_demo: { model: DEMO, targets: ['depth'] },
};

/** The same picture in a file of its own, as nobody has sent it before: a number follows its end. */
function fresh(scene: string): string {
  const [head = '', base64 = ''] = scene.split(',');
  const bytes = Buffer.concat([Buffer.from(base64, 'base64'), Buffer.from(`#${seed}`)]);
  return `${head},${bytes.toString('base64')}`;
}

/** Whether each request has a picture of its own: what workers remember of pictures is of no use then. */
const isFresh = process.argv.includes('--fresh');

/** So many requests, from the pictures in turn. */
export const requestsOf = (kind: Kind, count: number, scenes: readonly string[]): object[] =>
  Array.from({ length: count }, () => {
    seed++;
    const scene = scenes[seed % scenes.length] ?? '';
    return { ...BODIES[kind], inputs: { rgb: isFresh ? fresh(scene) : scene }, seed };
  });
