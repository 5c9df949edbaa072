/**
 * What decoding costs at the size of 4M-B, beside the straightforward schedule of the reference on the
 * same runtime: every step encodes again, every token of a sequence recomputes its prefix, guidance is a
 * second full pass, and logits come back to be sampled from.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FmManifest, fmManifestSchema } from '../../shared/model/manifest.ts';
import { fusedRunner } from '../../worker/batching/runner.ts';
import { plainRunner } from '../../worker/compare/plain.ts';
import {
  type ForwardRequest,
  GREEDY,
  type PredictRequest,
  type RunRequests,
  type WriteRequest,
  type Written,
} from '../../worker/engine/forward.ts';
import { TOKENS_A_REQUEST as PIECE } from '../../worker/engine/strategies/autoregressive.ts';
import { fullRows, type TokenState } from '../../worker/engine/tokenState.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { loadModel } from '../../worker/session/registry.ts';
import { startRuntime } from '../../worker/session/runtime.ts';
import { FM_SIZES, writeSparseFm } from '../support/sparseFm.ts';
import { encoderRows } from './encoderRate.ts';
import type { BenchRow } from './main.ts';
import { memoryRows } from './memory.ts';
import { precisionRows } from './precisions.ts';

const THREADS = 2;
const CAPTION_TOKENS = 256;
/** Steps of the reference that stand for the ones around them. */
const STRIDE = 32;
const PATCHES = 196;
/** Published settings of rgb -> anything. */
const PUBLISHED = { ...GREEDY, temperature: 0.01, topP: 0.8 };

interface Loaded {
  readonly fused: RunRequests;
  readonly plain: RunRequests;
  readonly close: () => Promise<void>;
}

async function load(folder: string, path: string): Promise<Loaded> {
  const runtime = startRuntime({ threads: THREADS });
  const { manifest, graphs } = await loadModel<FmManifest>(runtime, folder, path, fmManifestSchema);
  return {
    fused: fusedRunner(manifest, graphs.generate),
    plain: plainRunner({ fm: manifest, encoder: graphs.encoder, decoder: graphs.decoder }),
    close: () => runtime.close(),
  };
}

const picture = (seed: number): TokenState =>
  new Map([
    [
      'rgb@224',
      fullRows(
        Float32Array.from({ length: PATCHES * 768 }, (_, i) => Math.sin(i * (seed + 1))),
        768,
      ),
    ],
  ]);

async function seconds(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return (performance.now() - started) / 1000;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** The middle of three: one alone may fall into a slow moment of the machine. */
async function medianSeconds(run: () => Promise<unknown>): Promise<number> {
  return median([await seconds(run), await seconds(run), await seconds(run)]);
}

const caption = (state: TokenState, ids: readonly number[], draws: number): WriteRequest => ({
  kind: 'write',
  modality: 'caption',
  conditions: [{ state, weight: 1 }],
  ids,
  sampling: GREEDY,
  draws: Array.from({ length: draws }, () => 0),
  stops: [],
});

/** Writes captions of full length side by side, in pieces. */
async function writeCaptions(run: RunRequests, states: readonly TokenState[]): Promise<void> {
  const ids = states.map(() => [5]);
  let caches: (Written['cache'] | undefined)[] = states.map(() => undefined);
  for (let done = 0; done < CAPTION_TOKENS; done += PIECE) {
    const requests = states.map((state, i): WriteRequest => {
      const cache = caches[i];
      const isLast = done + PIECE >= CAPTION_TOKENS;
      return { ...caption(state, [...ids[i]!], PIECE), ...(cache && { cache }), isLast };
    });
    const written = (await run(requests)) as Written[];
    caches = written.map(({ cache }) => cache);
    for (const [i, result] of written.entries()) ids[i]!.push(...result.ids);
  }
}

/** The reference's time for a caption, from every 32nd of its steps. */
async function plainCaption(run: RunRequests): Promise<number> {
  const state = picture(0);
  const [first] = (await run([caption(state, [5], 1)])) as Written[];
  const { cache } = first!;
  let total = await seconds(() => run([caption(state, [5], 1)]));
  for (let length = STRIDE / 2; length < CAPTION_TOKENS; length += STRIDE) {
    const ids = Array.from({ length }, (_, i) => 5 + i);
    const step = { ...caption(state, ids, 1), cache };
    total += STRIDE * (await medianSeconds(() => run([step])));
  }
  return total;
}

/** depth, normal and semseg from one picture, a step each, guided as published. */
function perception(state: TokenState): PredictRequest[] {
  const positions = Array.from({ length: PATCHES }, (_, i) => i);
  return ['tok_depth@224', 'tok_normal@224', 'tok_semseg@224'].map((modality) => ({
    kind: 'predict',
    modality,
    step: 0,
    positions,
    conditions: [
      { state, weight: 2 },
      { state: new Map(), weight: -1 },
    ],
    sampling: PUBLISHED,
    draws: positions.map((i) => (i * 0.618) % 1),
  }));
}

async function perceptionSeconds(run: RunRequests, together: boolean): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 4; round++) {
    const requests: ForwardRequest[] = perception(picture(round));
    times.push(
      await seconds(async () => {
        if (together) await run(requests);
        else for (const request of requests) await run([request]);
      }),
    );
  }
  // The first round finds nothing warm.
  return median(times.slice(1));
}

/** Multiplications and additions of a pass over so many tokens, in 1e9: encoder, decoder, one head. */
function gigaflops(tokens: { encoded: number; decoded: number; contexts: number; heads: number }) {
  const { dim, depth } = FM_SIZES.B;
  const feedForward = 3 * dim * 2048;
  const encoder = tokens.encoded * depth * (4 * dim * dim + feedForward);
  const decoder = tokens.decoded * depth * (6 * dim * dim + feedForward);
  const context = tokens.contexts * (depth * 2 * dim * dim + dim * dim);
  return (2 * (encoder + decoder + context + tokens.heads * dim)) / 1e9;
}

export async function bench(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), '4m-bench-engine-'));
  try {
    const checkpoint = join(folder, 'b.safetensors');
    await writeSparseFm(checkpoint, FM_SIZES.B, 'random');
    await exportCheckpoint(checkpoint, join(folder, 'fp32'));
    const fp32 = await load(folder, 'fp32');
    await writeCaptions(fp32.fused, [picture(9)]);
    const one = await medianSeconds(() => writeCaptions(fp32.fused, [picture(0)]));
    const eight = await seconds(() =>
      writeCaptions(
        fp32.fused,
        Array.from({ length: 8 }, (_, i) => picture(i)),
      ),
    );
    const same = picture(0);
    const samples = await seconds(() =>
      writeCaptions(
        fp32.fused,
        Array.from({ length: 8 }, () => same),
      ),
    );
    const plainOne = await plainCaption(fp32.plain);
    const three = await perceptionSeconds(fp32.fused, true);
    const plainThree = await perceptionSeconds(fp32.plain, false);
    const encoder = await encoderRows(folder, 'fp32', checkpoint, THREADS);

    await exportCheckpoint(checkpoint, join(folder, 'int8'), { precision: 'int8' });
    const int8 = await load(folder, 'int8');
    await writeCaptions(int8.fused, [picture(9)]);
    const oneInt8 = await medianSeconds(() => writeCaptions(int8.fused, [picture(0)]));
    const precisions = await precisionRows(fp32.fused, int8.fused, picture);
    await int8.close();
    await fp32.close();

    const heads = 2 * 8192 + 4096;
    const words = 30_000;
    const pieces = CAPTION_TOKENS / PIECE;
    const prefixes = (CAPTION_TOKENS * (CAPTION_TOKENS + 1)) / 2;
    const written = gigaflops({
      encoded: PATCHES,
      decoded: CAPTION_TOKENS,
      contexts: pieces * PATCHES,
      heads: CAPTION_TOKENS * words,
    });
    const rewritten = gigaflops({
      encoded: PATCHES,
      decoded: prefixes,
      contexts: CAPTION_TOKENS * PATCHES,
      heads: prefixes * words,
    });
    const row = (name: string, value: number, unit: string, what: string): BenchRow => ({
      name,
      value,
      unit,
      what,
    });
    const own = gigaflops({
      encoded: PATCHES,
      decoded: 3 * PATCHES,
      contexts: PATCHES,
      heads: PATCHES * heads,
    });
    const reference = gigaflops({
      encoded: 3 * PATCHES,
      decoded: 6 * PATCHES,
      contexts: 3 * PATCHES,
      heads: 2 * PATCHES * heads,
    });
    return [
      row('caption_256_seconds', one, 's', 'rgb -> 256 caption tokens at 4M-B size, fp32, one row'),
      row(
        'caption_256_reference_seconds',
        plainOne,
        's',
        'the same by the reference schedule, summed from every 32nd step',
      ),
      row('caption_256_speedup', plainOne / one, 'x', 'reference schedule to ours'),
      row(
        'caption_256_gigaflops',
        written,
        'GFLOP',
        '1 encoder pass, 256 decoder passes of a token',
      ),
      row(
        'caption_256_reference_gigaflops',
        rewritten,
        'GFLOP',
        '1 encoder pass, 256 decoder passes of all tokens so far',
      ),
      row('caption_256_batch8_cost', samples / one, 'x', 'eight samples of one picture to one'),
      row('caption_256_pictures8_cost', eight / one, 'x', 'captions of eight pictures to one'),
      row('caption_256_int8_gain', one / oneInt8, 'x', 'fp32 to int8'),
      row('rgb_to_3_seconds', three, 's', 'rgb -> depth, normal, semseg, a step each, guided'),
      row('rgb_to_3_reference_seconds', plainThree, 's', 'the same by the reference schedule'),
      row('rgb_to_3_speedup', plainThree / three, 'x', 'reference schedule to ours'),
      row(
        'rgb_to_3_gigaflops',
        own,
        'GFLOP',
        '1 encoder pass, 3 decoder passes, guidance from constants',
      ),
      row('rgb_to_3_reference_gigaflops', reference, 'GFLOP', '3 encoder passes, 6 decoder passes'),
      ...precisions,
      ...encoder,
      ...(await memoryRows()),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
