/**
 * `npm run bench -- gpu [tokens] [products] [pictures] [captions] [placement]`: what a device makes of the
 * graphs. `FOURM_DEVICE` names it; with `cpu` everything runs too, and `--size tiny` makes that quick. Each
 * part goes on where another has failed, and `--out DIR` (or `OUT`) keeps the rows of all that are done.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEVICES, deviceName, parseDevice } from '../../worker/session/devices.ts';
import { captionRows } from './gpu/captions.ts';
import { pictureRows } from './gpu/pictures.ts';
import { placementRows } from './gpu/placement.ts';
import { productRows } from './gpu/products.ts';
import { type GpuPart, randomModel, SIZES } from './gpu/randomModel.ts';
import { tokenRows } from './gpu/tokens.ts';
import type { BenchRow } from './main.ts';

const PARTS: Readonly<Record<string, GpuPart>> = {
  tokens: tokenRows,
  products: productRows,
  pictures: pictureRows,
  captions: captionRows,
  placement: placementRows,
};

const numbers = (text: string): number[] => text.split(',').map(Number);

export async function bench(): Promise<BenchRow[]> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      out: { type: 'string' },
      size: { type: 'string', default: 'B' },
      batches: { type: 'string', default: '1,8,32' },
      captions: { type: 'string', default: '1,32' },
      tokens: { type: 'string', default: '256' },
    },
  });
  const device = parseDevice(process.env.FOURM_DEVICE ?? 'cpu');
  const size = SIZES[values.size];
  if (!device || !size) throw new Error('FOURM_DEVICE, or --size, is none that is known');
  const [, ...wanted] = positionals;
  const out = values.out ?? process.env.OUT;
  const folder = await mkdtemp(join(tmpdir(), '4m-bench-gpu-'));
  const rows: BenchRow[] = [];
  const models = randomModel(folder, size);
  const options = {
    device,
    folder,
    models,
    pictures: numbers(values.batches),
    captions: numbers(values.captions),
    tokens: Number(values.tokens),
    precisions: DEVICES[device.kind].precisions.filter(
      (name) => name === 'fp16' || name === 'fp32',
    ),
    say: (line: string) => console.error(`${(performance.now() / 1000).toFixed(1)} s  ${line}`),
  };
  try {
    for (const [name, part] of Object.entries(PARTS)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      options.say(`${name} on ${deviceName(device)}`);
      try {
        for await (const row of part(options)) {
          options.say(`${row.name} ${row.value.toPrecision(4)} ${row.unit}  ${row.what}`);
          rows.push(row);
          if (out) await writeFile(join(out, 'gpu.json'), `${JSON.stringify(rows, null, 1)}\n`);
        }
      } catch (error) {
        options.say(`${name} failed`);
        console.error(error);
        rows.push({ name: `${name}_failed`, value: 1, unit: '', what: String(error) });
      }
    }
    return rows;
  } finally {
    await models.close();
    await rm(folder, { recursive: true, force: true });
  }
}
