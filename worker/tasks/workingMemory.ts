/** What a model takes besides its weights while it works. */
import type { FmManifest } from '../../shared/model/manifest.ts';
import { boundsOf } from '../batching/bounds.ts';
import type { Device } from '../session/devices.ts';

/** Bytes of a run that several requests share, at most. */
export const workingBytes = (manifest: Pick<FmManifest, 'parameters'>, device: Device): number =>
  boundsOf(device).bytes(manifest);
