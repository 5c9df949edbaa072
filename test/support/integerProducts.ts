/** For tests of 8-bit products that need a processor which multiplies signed weights exactly. */
import { isExactSum, largestSum } from '../../worker/session/integerProducts.ts';
import { startRuntime } from '../../worker/session/runtime.ts';

/** Why such a test is skipped here; undefined where the processor is one. */
export async function withoutExactProducts(): Promise<string | undefined> {
  const runtime = startRuntime({ threads: 1 });
  try {
    const isExact = isExactSum(await largestSum(runtime, 'plain'));
    return isExact ? undefined : 'a processor that multiplies signed 8-bit weights exactly';
  } finally {
    await runtime.close();
  }
}
