/**
 * The memory that a set takes when it is loaded, told before it is. A process's own size is no measure of
 * one model: other requests change it meanwhile, and what a closed model leaves to the allocator stays in
 * it. So the estimate comes from what the files say, with a margin, and errs towards too much.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../shared/model/manifest.ts';
import { DEVICES, type Device } from '../session/devices.ts';
import { membersOf, type SetFolder, type SetMember } from '../session/setFolder.ts';

/** Two threads with their runtimes, sessions and arenas, whatever is loaded in them. */
const FIXED = 64 * 2 ** 20;
/** Weights that are rearranged for their products, and the working memory of runs. */
const MARGIN = 1.25;

/** Bytes of a member's weights as the device holds them. */
async function weightBytes(
  { home, manifest }: SetMember<Manifest>,
  device: Device,
): Promise<number> {
  const { precision, parameters } = manifest;
  if (precision === 'fp32') return 4 * parameters;
  // They are widened when they are loaded, where the device does not compute in 16 bits.
  if (precision === 'fp16') return (DEVICES[device.kind].halves ? 2 : 4) * parameters;
  const sizes = await Promise.all(manifest.weights.map((file) => stat(join(home, file))));
  const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
  // What is no matrix, such as a decoder's convolutions, lies there in 16 bits and is widened.
  return manifest.kind === 'fm' ? bytes : 2 * bytes;
}

/** Bytes that a set takes. @throws Error where a file of weights is missing */
export async function memoryOf(set: SetFolder, device: Device): Promise<number> {
  const weights = await Promise.all(membersOf(set).map((member) => weightBytes(member, device)));
  return Math.ceil(FIXED + MARGIN * weights.reduce((sum, bytes) => sum + bytes, 0));
}
