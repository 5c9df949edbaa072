/**
 * The memory that a set takes when it is loaded, told before it is. A process's own size is no measure of
 * one model: other requests change it meanwhile, and what a closed model leaves to the allocator stays in
 * it. So the estimate comes from what the files say, with a margin, and errs towards too much.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FmConfig } from '../../shared/model/config.ts';
import type { FmManifest, Manifest } from '../../shared/model/manifest.ts';
import { sequencesOf } from '../../shared/model/writeSignature.ts';
import { DEVICES, type Device } from '../session/devices.ts';
import { membersOf, type SetFolder } from '../session/setFolder.ts';
import { workingBytes } from '../tasks/workingMemory.ts';

/** Two threads with their runtimes, sessions and arenas, whatever is loaded in them. */
const FIXED = 64 * 2 ** 20;
/** Weights that are rearranged for their products, and the working memory of single requests. */
const MARGIN = 1.25;

/** A member, with the size of its files of weights. */
export interface SizedMember {
  readonly manifest: Manifest;
  readonly fileBytes: number;
}

/** Bytes of a member's weights as the device holds them. */
function weightBytes({ manifest, fileBytes }: SizedMember, device: Device): number {
  const { precision, parameters } = manifest;
  if (precision === 'fp32') return 4 * parameters;
  // They are widened when they are loaded, where the device does not compute in 16 bits.
  if (precision === 'fp16') return (DEVICES[device.kind].halves ? 2 : 4) * parameters;
  if (manifest.kind === 'fm')
    return fileBytes + (manifest.graphs.write ? writerBytes(manifest) : 0);
  // What is no matrix, such as a decoder's convolutions, lies there in 16 bits and is widened.
  return 2 * fileBytes;
}

/** Parameters of a block of an FM's decoder: two attentions of four products each, and the MLP. */
function decoderBlock({ dim, gated_mlp, mlp_ratio }: FmConfig): number {
  const hidden = Math.floor((gated_mlp ? 2 / 3 : 1) * mlp_ratio * dim);
  return 8 * dim ** 2 + (gated_mlp ? 3 : 2) * dim * hidden;
}

/** Parameters of the heads of these targets. */
const headsOf = ({ config: { dim }, modalities }: FmManifest, targets: readonly string[]): number =>
  targets.reduce((sum, name) => sum + dim * (modalities[name]?.vocab_size ?? 0), 0);

/** What `write` rearranges for itself, a byte each: the decoder without keys and values of contexts, and its heads. */
function writerBytes(manifest: FmManifest): number {
  const { config, modalities } = manifest;
  const block = decoderBlock(config) - 2 * config.dim ** 2;
  return config.decoder_depth * block + headsOf(manifest, sequencesOf(config, modalities));
}

/** Which parts of models that generate are loaded. */
export type Parts = 'all' | 'encoder';

/**
 * Share of an FM's parameters that its encoder has, at most: without the decoder's blocks and heads. Of tokenizers all
 * is counted, as their files do not tell.
 */
function encoderShare(manifest: Manifest): number {
  if (manifest.kind !== 'fm') return 1;
  const { config, parameters } = manifest;
  const decoder = config.decoder_depth * decoderBlock(config);
  return Math.max(0.1, 1 - (decoder + headsOf(manifest, config.domains_out)) / parameters);
}

/** Bytes that a set takes. */
export function memoryOf(
  members: readonly SizedMember[],
  device: Device,
  parts: Parts = 'all',
): number {
  const weights = members.reduce((sum, member) => {
    const share = parts === 'encoder' ? encoderShare(member.manifest) : 1;
    return sum + share * weightBytes(member, device);
  }, 0);
  const runs = members.map(({ manifest }) =>
    manifest.kind === 'fm' ? workingBytes(manifest, device) : 0,
  );
  return Math.ceil(FIXED + MARGIN * weights + Math.max(0, ...runs));
}

/** The members of a folder. @throws Error where a file of weights is missing */
export async function sizedMembers(set: SetFolder): Promise<SizedMember[]> {
  return await Promise.all(
    membersOf(set).map(async ({ home, manifest }) => {
      const files = await Promise.all(manifest.weights.map((file) => stat(join(home, file))));
      return { manifest, fileBytes: files.reduce((sum, { size }) => sum + size, 0) };
    }),
  );
}
