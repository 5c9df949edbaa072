/** Which kind of model a checkpoint is, told by its config, and what it says about itself. */
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { ExportError } from '../errors.ts';
import { type CheckpointExtras, rawConfig } from './checkpointConfig.ts';
import { type DescribedFm, describeFm } from './fm.ts';
import { type DescribedVq, describeVq } from './vq.ts';

/** The part of a manifest that the checkpoint alone decides. */
export type Described = DescribedFm | DescribedVq;

/** @throws ExportError `not_a_checkpoint`, `config`, `unsupported`, naming the key at fault */
export async function describeCheckpoint(
  checkpoint: Checkpoint,
  extras: CheckpointExtras,
): Promise<Described> {
  const raw = await rawConfig(checkpoint);
  if ('domains_out' in raw) return describeFm(checkpoint, raw, extras);
  if ('enc_type' in raw) return describeVq(checkpoint, raw, extras);
  throw new ExportError(
    'not_a_checkpoint',
    `${checkpoint.file}: neither its metadata nor a config.json beside it is a 4M config`,
  );
}
