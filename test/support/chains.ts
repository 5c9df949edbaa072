/** The published chains in `test/cases/chains`: what the reference's sampler was asked, and what it made. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ints, REPOSITORY, readTensors } from './shared.ts';

const chainSchema = z.object({
  inputs: z.array(z.enum(['rgb', 'caption'])),
  targets: z.array(z.string()),
  guidance: z.number(),
  text_buffer: z.number(),
  schedule: z.array(
    z.object({
      target: z.string(),
      num_tokens: z.number().nullable(),
      cfg_cond_domains: z.array(z.string()),
    }),
  ),
});

export interface PublishedChain extends z.infer<typeof chainSchema> {
  readonly name: string;
  /** Ids of a target in order of position. */
  readonly expected: (target: string) => number[];
}

/** The text that was given where `caption` is an input. */
export const CHAIN_CAPTION = [210, 250, 222, 300, 3];

const FOLDER = join(REPOSITORY, 'test/cases/chains');

export async function readChains(): Promise<PublishedChain[]> {
  const file = join(FOLDER, 'chains_all_emptied_first.json');
  const chains = z.record(z.string(), chainSchema).parse(JSON.parse(await readFile(file, 'utf8')));
  const tensors = await readTensors(join(FOLDER, 'chains_all_emptied_first.safetensors'));
  return Object.entries(chains).map(([name, chain]) => ({
    ...chain,
    name,
    expected: (target) => Array.from(ints(tensors, `${name}.${target}`).data, Number),
  }));
}
