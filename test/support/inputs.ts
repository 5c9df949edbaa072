/** Inputs for a model whose tokenizers record what they are given. */
import assert from 'node:assert/strict';
import sharp from 'sharp';
import type { InputValue } from '../../shared/api/generate.ts';
import { FailureError } from '../../shared/api/problem.ts';
import type { Tensor } from '../../worker/session/types.ts';
import { readInput } from '../../worker/tasks/inputs.ts';
import { writeNpy } from '../../worker/values/npy.ts';
import { fakeModel, fakeTokenizer, ids } from './publishedModel.ts';

export const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
export const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
export const data = (bytes: Uint8Array): InputValue => ({ data: base64(bytes) });
export const npy = (dims: number[], value: (i: number) => number): InputValue =>
  data(
    writeNpy(
      Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
      dims,
    ),
  );
/** An .npy file of one of the integer types. */
export const integers = (descr: string, dims: number[], bytes: Uint8Array): InputValue => {
  const shape = `(${dims.join(', ')},)`;
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117);
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
  return data(Buffer.concat([start, Buffer.from(`${header}\n`), bytes]));
};
export const picture = async (width: number, height: number, pixels: Uint8Array, channels: 1 | 3) =>
  await sharp(pixels, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();

/** A model whose tokenizers answer 0, 1, 2 ... and record what they are given. */
export function recorder() {
  const seen: Record<string, Tensor>[] = [];
  const answer = (count: number) => ({
    encode: (feeds: Readonly<Record<string, Tensor>>) => {
      seen.push({ ...feeds });
      return { ids: ids([1, count], upTo(count)) };
    },
  });
  const mlp = { enc_type: 'BottleneckMLP/B_6-Wi_1024', dec_type: 'BottleneckMLP/B_6-Wi_1024' };
  const model = fakeModel({
    tok_rgb: fakeTokenizer({}, answer(196)),
    tok_depth: fakeTokenizer({ n_channels: 1 }, answer(196)),
    tok_normal: fakeTokenizer({}, answer(196)),
    tok_edge: fakeTokenizer({ n_channels: 1 }, answer(196)),
    tok_semseg: fakeTokenizer({ n_labels: 134, n_channels: 64 }, answer(196)),
    tok_clip: fakeTokenizer({ n_channels: 5, patch_proj: false }, answer(196)),
    tok_dinov2: fakeTokenizer({ n_channels: 6, patch_proj: false }, answer(256)),
    tok_dinov2_global: fakeTokenizer({ n_channels: 7, ...mlp, num_codebooks: 16 }, answer(16)),
    tok_sam_instance: fakeTokenizer({ n_channels: 1, image_size: 64 }, answer(16)),
    tok_human_poses: fakeTokenizer({ n_channels: 207, ...mlp, num_codebooks: 8 }, answer(8)),
  });
  const read = (name: string, value: InputValue) => readInput(name, value, model);
  const given = async (name: string, value: InputValue) => {
    await read(name, value);
    const [feed] = Object.values(seen.at(-1)!);
    return { dims: feed!.dims, values: Array.from(feed!.data as Float32Array, Number) };
  };
  return { model, read, given, seen };
}

export async function refusal(promise: Promise<unknown>) {
  const error = await promise.catch((reason: unknown) => reason);
  assert.ok(error instanceof FailureError, JSON.stringify(error));
  return [error.failure.code, error.failure.errors?.[0]?.pointer];
}
