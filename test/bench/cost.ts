/**
 * What a real 4M-21 B costs on this machine: random weights of that size, exported in fp32 and int8, served
 * by the whole product, and asked over HTTP. Weights do not change how long a step takes, so that the times
 * are those of the published model; what comes out means nothing.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { demoModelFolder, repositoryRoot, type Stack, startStack } from '../../infra/stack.ts';
import type { GenerateRequestBody, GenerateResponse } from '../../shared/api/generate.ts';
import { createClient } from '../../shared/client/index.ts';
import { itemAt } from '../../shared/lookup.ts';
import {
  described21,
  describedRgbTokenizer,
  writeRandomCheckpoint,
} from '../support/randomCheckpoint.ts';
import { FM_SIZES } from '../support/sparseFm.ts';
import type { BenchRow } from './main.ts';
import { costOf, memoryOf } from './processCost.ts';

/** This file runs from `dist/test/bench/`. */
const EXPORT = join(dirname(fileURLToPath(import.meta.url)), '../../worker/export/cli.js');
const MODEL = '4m21-b';
const CAPTION_TOKENS = 64;
const PRECISIONS = ['fp32', 'int8'] as const;

/** The middle of an odd number of runs: one alone may fall into a slow moment of the machine. */
const median = (values: readonly number[]): number =>
  itemAt(
    [...values].sort((a, b) => a - b),
    Math.floor(values.length / 2),
    'times',
  );

interface Case {
  readonly name: string;
  readonly what: string;
  readonly request: GenerateRequestBody;
  readonly runs: number;
}

function cases(rgb: string): Case[] {
  const tokens = { model: MODEL, outputs: 'tokens' } as const;
  const depth = { modality: 'depth', scheme: 'roar', steps: 1 } as const;
  const words = { caption: 'a lighthouse on a cliff at dusk, waves below' };
  return [
    {
      name: 'rgb_to_depth',
      what: 'rgb -> depth, one step',
      request: { ...tokens, inputs: { rgb }, targets: [{ ...depth, guidance_scale: 1 }] },
      runs: 5,
    },
    {
      name: 'rgb_to_depth_guided',
      what: 'the same, guided as published',
      request: { ...tokens, inputs: { rgb }, targets: [{ ...depth, guidance_scale: 2 }] },
      runs: 5,
    },
    {
      name: 'caption_64',
      what: `rgb -> a caption of ${CAPTION_TOKENS} tokens`,
      request: {
        ...tokens,
        inputs: { rgb },
        targets: [{ modality: 'caption', max_tokens: CAPTION_TOKENS }],
      },
      runs: 3,
    },
    {
      name: 'text_to_picture_tokens',
      what: 'caption -> rgb as tokens, MaskGIT, 25 guided steps',
      request: {
        ...tokens,
        inputs: words,
        targets: [{ modality: 'rgb', scheme: 'maskgit', token_schedule: 'cosine' }],
      },
      runs: 1,
    },
  ];
}

async function timed<T>(run: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  const started = performance.now();
  const result = await run();
  return { seconds: (performance.now() - started) / 1000, result };
}

/** Random weights may end a caption early, which would be no caption of that length: another seed is asked. */
const isWhole = ({ outputs, usage }: GenerateResponse): boolean =>
  !outputs.caption || usage.generated_tokens >= CAPTION_TOKENS;

/** Times of all requests to a running product, and its worker's memory after them. */
async function askAll(stack: Stack, precision: string): Promise<BenchRow[]> {
  const client = createClient({ baseUrl: stack.url });
  const picture = await readFile(join(repositoryRoot, 'examples', 'scene-1.png'));
  const rgb = `data:image/png;base64,${picture.toString('base64')}`;
  const rows: BenchRow[] = [];
  // Results of an earlier run may be in the store of a kept folder.
  let seed = Date.now() % 2 ** 31;
  const row = (name: string, value: number, unit: string, what: string) => {
    rows.push({ name: `${name}_${precision}`, value, unit, what: `${what}, ${precision}` });
    console.error(`${name}_${precision} ${value.toPrecision(3)} ${unit}`);
  };
  let pictureTokens: number[] = [];
  for (const one of cases(rgb)) {
    const ask = () => client.generate({ ...one.request, seed: ++seed });
    // The first request of a kind prepares memory; in one of many steps that is lost among the others.
    if (one.runs > 1) await ask();
    const times: number[] = [];
    while (times.length < one.runs) {
      const { seconds, result } = await timed(ask);
      if (isWhole(result)) times.push(seconds);
      pictureTokens = result.outputs.rgb?.[0]?.tokens ?? pictureTokens;
    }
    row(`${one.name}_seconds`, median(times), 's', one.what);
  }
  const remember = async (name: string, what: string) => {
    const { peakBytes, anonymousBytes } = await memoryOf(stack.pids().worker);
    row(`${name}_peak_gb`, peakBytes / 1e9, 'GB', `the worker's largest memory ${what}`);
    row(`${name}_anonymous_gb`, anonymousBytes / 1e9, 'GB', 'its memory that is no mapped file');
  };
  await remember('tokens_memory', 'so far, with the RGB tokenizer loaded');
  const { seconds } = await timed(() =>
    client.detokenize({ model: MODEL, tokens: { rgb: { tokens: pictureTokens } } }),
  );
  row('picture_decode_seconds', seconds, 's', 'the diffusion decoder on these tokens, 25 steps');
  await remember('decode_memory', 'after it');
  return rows;
}

/** Writes the checkpoints into a folder, once. @returns bytes of the model's */
async function checkpoints(source: string): Promise<number> {
  const fm = join(source, 'fm.safetensors');
  if (!existsSync(fm)) {
    await mkdir(source, { recursive: true });
    await writeRandomCheckpoint(join(source, 'tok_rgb.safetensors'), describedRgbTokenizer());
    await copyFile(join(demoModelFolder, 'tokenizer.json'), join(source, 'tokenizer.json'));
    await writeRandomCheckpoint(fm, described21(FM_SIZES.B));
  }
  return (await stat(fm)).size;
}

/**
 * `--precision fp32` or `int8` measures one of them; `--data DIR` keeps checkpoints and exports there, and
 * takes those that are there already.
 */
export async function bench(): Promise<BenchRow[]> {
  const { values } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      precision: { type: 'string' },
      data: { type: 'string' },
    },
  });
  const folder = values.data ?? (await mkdtemp(join(tmpdir(), '4m-bench-cost-')));
  try {
    console.log(`${cpus().length} threads of ${cpus()[0]?.model ?? 'an unknown processor'}`);
    const source = join(folder, 'checkpoint');
    const bytes = await checkpoints(source);
    const rows: BenchRow[] = [
      { name: 'checkpoint_gb', value: bytes / 1e9, unit: 'GB', what: "the model's fp32 weights" },
    ];
    for (const precision of PRECISIONS) {
      if (values.precision !== undefined && values.precision !== precision) continue;
      const dataFolder = join(folder, precision);
      const out = join(dataFolder, 'models', MODEL);
      if (!existsSync(out)) {
        const { seconds } = await costOf(
          EXPORT,
          ...[source, out, '--name', MODEL, '--precision', precision],
        );
        rows.push({
          name: `export_seconds_${precision}`,
          value: seconds,
          unit: 's',
          what: `export of the model and of its RGB tokenizer, ${precision}`,
        });
      }
      const stack = await startStack({ port: 0, dataFolder });
      try {
        rows.push(...(await askAll(stack, precision)));
      } finally {
        await stack.close();
      }
    }
    return rows;
  } finally {
    if (values.data === undefined) await rm(folder, { recursive: true, force: true });
  }
}
