/** Which kind of model a checkpoint is, told by its config, and what it says about itself. */
import type { Checkpoint } from '../../safetensors/checkpoint.ts';
import { ExportError } from '../errors.ts';
import { type CheckpointExtras, rawConfig } from './checkpointConfig.ts';
import { type DescribedDivae, describeDivae, isDivae } from './divae.ts';
import { type DescribedFm, describeFm } from './fm.ts';
import { type DescribedFmVit, describeFmVit, isBackboneFile } from './fmVit.ts';
import { type DescribedVq, describeVq } from './vq.ts';

/** The part of a manifest that the checkpoint alone decides. */
export type Described = DescribedFm | DescribedFmVit | DescribedVq | DescribedDivae;

/** Has an FM exported as a backbone, its decoder left out. */
export interface BackboneRequest {
  /** A file with the tensors of a head, `output_head.*`. */
  readonly head?: Checkpoint;
}

/** @throws ExportError `not_a_checkpoint`, `config`, `unsupported`, naming the key at fault */
export async function describeCheckpoint(
  checkpoint: Checkpoint,
  extras: CheckpointExtras,
  backbone?: BackboneRequest,
): Promise<Described> {
  const raw = await rawConfig(checkpoint);
  if ('enc_type' in raw) {
    if (backbone)
      throw new ExportError('unsupported', `${checkpoint.file}: a tokenizer is no backbone`);
    const describe = isDivae(raw) ? describeDivae : describeVq;
    return describe(checkpoint, raw, extras);
  }
  if (backbone || isBackboneFile(checkpoint, raw))
    return describeFmVit(checkpoint, raw, extras, backbone?.head);
  if ('domains_out' in raw) return describeFm(checkpoint, raw, extras);
  throw new ExportError(
    'not_a_checkpoint',
    `${checkpoint.file}: neither its metadata nor a config.json beside it is a 4M config`,
  );
}
