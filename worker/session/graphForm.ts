/** Which form of a model's graphs is loaded: the one that the device and this processor compute right, and fastest. */
import type { GraphForm } from '../../shared/model/graphForms.ts';
import type { Manifest } from '../../shared/model/manifest.ts';
import { DEVICES, type Device } from './devices.ts';
import { isExactSum, largestSum } from './integerProducts.ts';
import type { Runtime } from './runtime.ts';
import { SessionError } from './types.ts';

/** What this processor makes of products, once it was tried: the same in all threads, for every model. */
const sums = new Map<GraphForm, number>();

async function sumOf(runtime: Runtime, form: GraphForm): Promise<number> {
  const sum = sums.get(form) ?? (await largestSum(runtime, form));
  sums.set(form, sum);
  return sum;
}

/**
 * @param home names what is refused
 * @throws SessionError where no form of the export is right on this processor
 */
export async function formFor(
  runtime: Runtime,
  home: string,
  { precision, unsigned_graphs }: Pick<Manifest, 'precision' | 'unsigned_graphs'>,
  device: Device,
): Promise<GraphForm> {
  if (DEVICES[device.kind].halves) return 'half';
  if (precision !== 'int8') return 'plain';
  return await integerForm(home, unsigned_graphs !== undefined, (form) => sumOf(runtime, form));
}

/**
 * The form of precision int8 that is exact here, the faster one where both are.
 * @param model names what is refused
 * @param hasUnsigned whether the export has graphs in the slower form
 * @param sumOf tells what `largestSum` does
 * @throws SessionError where there is none
 */
export async function integerForm(
  model: string,
  hasUnsigned: boolean,
  sumOf: (form: GraphForm) => Promise<number>,
): Promise<GraphForm> {
  if (isExactSum(await sumOf('plain'))) return 'plain';
  if (hasUnsigned && isExactSum(await sumOf('unsigned'))) return 'unsigned';
  const advice = hasUnsigned
    ? 'export the checkpoint with --precision int4 or fp16'
    : 'export the checkpoint again, with graphs that are exact on it';
  throw new SessionError(
    `${model}: precision int8 gives wrong results on this processor, which adds 8-bit products in 16 bits ` +
      `(it lacks VNNI); ${advice}`,
  );
}
