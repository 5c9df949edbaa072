/** What was pulled, exported at once, so that one command makes a folder that a worker serves. */
import { findCheckpoint } from '../export/checkpointFolder.ts';
import { type ExportOptions, exportCheckpoint } from '../export/exportCheckpoint.ts';
import { exportSet } from '../export/exportSet.ts';
import { removeUnfinishedOnSignals } from '../export/files.ts';

/**
 * @param checkpoint what `pullSet` or `pullRepository` has left
 * @param out must not exist; it appears when it is complete
 * @throws ExportError, SafetensorsError, SessionError: each names the file and what is wrong with it
 */
export async function exportPulled(
  checkpoint: string,
  out: string,
  options: ExportOptions,
): Promise<void> {
  removeUnfinishedOnSignals();
  const found = await findCheckpoint(checkpoint);
  if (found.kind === 'set') await exportSet(found.folder, out, options);
  else await exportCheckpoint(found.file, out, options);
}
