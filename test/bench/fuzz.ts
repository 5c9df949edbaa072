/**
 * `npm run bench -- fuzz`: requests made from our own OpenAPI document against the running product, as the test does
 * with fewer. `--count N` (100,000 by default), `--seed N`. What was wrong is printed with a request that shows it.
 */

import { fuzz } from '../fuzz/run.ts';
import { startPlace } from '../security/place.ts';
import type { BenchRow } from './main.ts';

const option = (name: string): number | undefined => {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : Number(process.argv[at + 1]);
};

export async function bench(): Promise<BenchRow[]> {
  const seed = option('--seed') ?? Date.now() % 2 ** 31;
  const count = option('--count') ?? 100_000;
  console.log(`seed ${seed}`);
  const place = await startPlace({ FOURM_LOG_LEVEL: 'warn' });
  try {
    const begin = performance.now();
    const { sent, statuses, problems, faults } = await fuzz(place, { seed, count });
    const seconds = (performance.now() - begin) / 1000;
    for (const [what, times] of [...[...statuses].sort(), ...[...problems].sort()])
      console.log(`${what} ${times}`);
    for (const fault of faults.values()) console.log(fault);
    const succeeded = [...statuses].reduce(
      (sum, [what, times]) => sum + (/ 2\d\d$/.test(what) ? times : 0),
      0,
    );
    return [
      {
        name: 'fuzz_requests',
        value: sent,
        unit: '',
        what: `requests, in ${Math.round(seconds)} s`,
      },
      {
        name: 'fuzz_succeeded_share',
        value: succeeded / sent,
        unit: '',
        what: 'of them were answered 2xx',
      },
      {
        name: 'fuzz_fault_kinds',
        value: faults.size,
        unit: '',
        what: 'kinds of answers that are not documented',
      },
    ];
  } finally {
    await place.close();
  }
}
