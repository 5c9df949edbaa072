/**
 * What an export costs: B in seconds, and XL, whose weights do not fit in the memory it may take. The
 * checkpoints are made on the spot, as sparse files of the published sizes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FM_SIZES, writeSparseFm } from '../support/sparseFm.ts';
import type { BenchRow } from './main.ts';
import { costOf } from './processCost.ts';

/** This file runs from `dist/test/bench/`. */
const DIST = join(dirname(fileURLToPath(import.meta.url)), '../..');
const EXPORT = join(DIST, 'worker/export/cli.js');
const LOAD = join(DIST, 'test/bench/loadModel.js');
export async function bench(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), '4m-bench-export-'));
  const path = (name: string) => join(folder, name);
  try {
    await writeSparseFm(path('b.safetensors'), FM_SIZES.B);
    const bytes = await writeSparseFm(path('xl.safetensors'), FM_SIZES.XL);
    const b = await costOf(EXPORT, path('b.safetensors'), path('b'));
    const bInt8 = await costOf(EXPORT, path('b.safetensors'), path('b8'), '--precision', 'int8');
    const xl = await costOf(EXPORT, path('xl.safetensors'), path('xl'));
    const xlInt8 = await costOf(EXPORT, path('xl.safetensors'), path('xl8'), '--precision', 'int8');
    // Loading is measured on weights that differ: the runtime keeps one copy of matrices that are all alike.
    const lBytes = await writeSparseFm(path('l.safetensors'), FM_SIZES.L, 'random');
    await costOf(EXPORT, path('l.safetensors'), path('l'));
    const loaded = await costOf(LOAD, folder, 'l');
    const gigabytes = (value: number) => value / 1e9;
    return [
      { name: 'b_export_seconds', value: b.seconds, unit: 's', what: '4M-7 B, fp32' },
      { name: 'b_int8_export_seconds', value: bInt8.seconds, unit: 's', what: '4M-7 B, int8' },
      {
        name: 'xl_bytes_gb',
        value: gigabytes(bytes),
        unit: 'GB',
        what: "4M-7 XL's checkpoint in fp32",
      },
      { name: 'xl_export_seconds', value: xl.seconds, unit: 's', what: '4M-7 XL, fp32' },
      {
        name: 'xl_export_peak_gb',
        value: gigabytes(xl.peakBytes),
        unit: 'GB',
        what: 'its largest resident memory, mapped files included',
      },
      { name: 'xl_int8_export_seconds', value: xlInt8.seconds, unit: 's', what: '4M-7 XL, int8' },
      {
        name: 'xl_int8_export_peak_gb',
        value: gigabytes(xlInt8.peakBytes),
        unit: 'GB',
        what: 'its largest resident memory, mapped files included',
      },
      { name: 'l_load_seconds', value: loaded.seconds, unit: 's', what: 'loading 4M-7 L, fp32' },
      {
        name: 'l_load_memory_ratio',
        value: loaded.anonymousBytes / lBytes,
        unit: 'x',
        what: 'memory of the loaded model (not mapped files) to the bytes of its weights',
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
