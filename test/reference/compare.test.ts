/**
 * Exported models on every case folder there is, those of the PyTorch reference beside the repository and our
 * own: each output within its tolerance.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { compareCase } from '../../worker/compare/compareCase.ts';
import { readTensors } from '../../worker/compare/tensors.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import { caseFolders, exportCase, failures, OWN_CASES } from '../support/cases.ts';
import { temporaryFolder } from '../support/exported.ts';
import { f32, type TensorToWrite, writeSafetensors } from '../support/safetensors.ts';
import { sharedPath, skipWithout } from '../support/shared.ts';

/** Expected outputs that must have been compared, by kind of model; all others are steps on the way. */
const OUTPUTS = {
  fm: /(^|\.)(encoder_out|context|logits)$|^train\.logits\./,
  fmvit: /^(features|logits)$/,
  vqvae: /(^|\.)(tokens|decoded)$/,
  divae: /^((?!denoise).*\.)?(tokens|quant)$|(^|\.)(t\d+|final|timesteps|betas|alphas_cumprod)$/,
};

let temporary: string;
before(async () => {
  temporary = await temporaryFolder();
});
after(() => rm(temporary, { recursive: true }));

for (const [place, root] of [
  ['reference', sharedPath('reference')],
  ['own', OWN_CASES],
] as const) {
  describe(`${place} cases`, {
    skip: place === 'reference' ? skipWithout('reference') : false,
  }, () => {
    for (const folder of caseFolders(root)) {
      const name = folder.slice(root.length + 1);
      test(name, async (t) => {
        const out = join(temporary, `${place}-${name}`);
        const { kind } = await exportCase(folder, out);
        const result = await compareCase(out, folder);
        assert.deepEqual(failures(result), []);
        assert.ok(result.passed);
        const compared = new Set(result.report.findings.map(({ output }) => output));
        for (const file of readdirSync(folder)) {
          if (!file.endsWith('.safetensors') || /^(weights|head|.*_inputs)\./.test(file)) continue;
          const expected = Object.keys(await readTensors(join(folder, file)));
          const left = expected.filter(
            (output) => OUTPUTS[kind].test(output) && !compared.has(output),
          );
          assert.deepEqual(left, [], `${file}: not compared`);
        }
        const errors = result.report.findings
          .filter(({ tolerance }) => tolerance !== null)
          .map(({ error }) => error ?? Number.POSITIVE_INFINITY);
        t.diagnostic(
          `${compared.size} outputs, largest error ${Math.max(...errors).toExponential(2)} of the scale`,
        );
      });
    }
  });
}

test('a model of other weights fails in every output', {
  skip: existsSync(join(OWN_CASES, 'fm_gelu_bias')) ? false : `no cases at ${OWN_CASES}`,
}, async () => {
  const out = join(temporary, 'other');
  await exportCase(join(OWN_CASES, 'fm_gelu_bias'), out);
  const { report, passed } = await compareCase(out, join(OWN_CASES, 'fm_register_shared'));
  assert.ok(!passed);
  assert.deepEqual(
    report.findings.filter((finding) => finding.passed),
    [],
  );
  assert.equal(report.findings.length, 10);
});

describe('a model of fewer outputs', { skip: skipWithout('reference', 'fmvit') }, () => {
  const fm = sharedPath('reference', 'fm_swiglu_nobias');

  test('an FM has the features of a backbone case, and no head', async () => {
    const out = join(temporary, 'fm');
    await exportCase(fm, out);
    const { report, passed } = await compareCase(out, sharedPath('reference', 'fmvit'));
    assert.ok(passed);
    assert.deepEqual(
      report.findings.map(({ output }) => output),
      ['features'],
    );
    assert.match(report.remarks.join(), /logits not compared: the model has no head/);
  });

  test('a backbone has the encoder outputs of an FM case, any modalities given', async () => {
    const out = join(temporary, 'backbone');
    const manifest = await exportCheckpoint(join(fm, 'weights.safetensors'), out, {
      backbone: true,
    });
    assert.equal(manifest.kind, 'fmvit');
    const result = await compareCase(out, fm);
    assert.deepEqual(failures(result), []);
    assert.deepEqual(
      result.report.findings.map(({ output }) => output),
      ['encoder_out', 'gen.encoder_out', 'train.encoder_out'],
    );
  });
});

test('every forward pass of the generation traces', {
  skip: skipWithout('reference', 'generation'),
}, async () => {
  const out = join(temporary, 'traced');
  await exportCase(sharedPath('reference', 'fm_swiglu_nobias'), out);
  const result = await compareCase(out, sharedPath('reference', 'generation'));
  assert.deepEqual(failures(result), []);
  const compared = result.report.findings.map(({ output }) => output);
  assert.ok(compared.includes('chain_caption_depth_rgb ar.last_logits'));
  assert.ok(compared.includes('ar_caption_t0_cfg2 ar.last_logits, unconditional'));
  assert.ok(compared.includes('mg8cos_conf_cfg2_b2 s07.fwd1.logits_first8'));
  assert.match(result.report.remarks.join(), /multi_guided_mg4: not compared/);
});

test('a case may be of one row, with its own picture, other integers and no masks of modalities', {
  skip: skipWithout('reference', 'fm_swiglu_nobias'),
}, async () => {
  const source = sharedPath('reference', 'fm_swiglu_nobias');
  const folder = join(temporary, 'one-row');
  await mkdir(folder);
  await cp(join(source, 'B_meta.json'), join(folder, 'B_meta.json'));
  const lastRow = async (file: string, keep: (name: string) => boolean) => {
    const checkpoint = await openCheckpoint(join(source, file));
    const tensors: Record<string, TensorToWrite> = {};
    for (const { name, type, shape } of checkpoint.tensors.values()) {
      if (!keep(name)) continue;
      const bytes = (await checkpoint.read(name)).slice();
      const row = bytes.slice(bytes.length / 2);
      const narrow = (): Uint8Array =>
        new Uint8Array(Int32Array.from(new BigInt64Array(row.buffer), Number).buffer);
      tensors[name] = {
        dtype: type === 'I64' ? 'I32' : type === 'U8' ? 'BOOL' : type,
        shape: [1, ...shape.slice(1)],
        data: type === 'I64' ? narrow() : row,
      };
    }
    await checkpoint.close();
    await writeSafetensors(join(folder, file), tensors);
  };
  await lastRow('B_inputs.safetensors', () => true);
  await lastRow('B_mixed.safetensors', (name) => /^gen\.(encoder_out|context)$/.test(name));
  const { rgb } = await readTensors(sharedPath('reference/shared/rgb224.safetensors'));
  const pixels = Array.from(rgb!.data as Float32Array, (value) => Math.fround(-0.6 * value));
  await writeSafetensors(join(folder, 'rgb224.safetensors'), { rgb: f32(rgb!.dims, pixels) });

  const out = join(temporary, 'one-row-model');
  await exportCase(source, out);
  const result = await compareCase(out, folder);
  assert.deepEqual(failures(result), []);
  assert.equal(result.report.findings.length, 2);
});

test('below fp32 the errors are for information', {
  skip: skipWithout('reference', 'fm_swiglu_qknorm_nobias'),
}, async () => {
  const folder = sharedPath('reference', 'fm_swiglu_qknorm_nobias');
  const out = join(temporary, 'fp16');
  await exportCase(folder, out, { precision: 'fp16' });
  const { report, passed } = await compareCase(out, folder);
  assert.ok(passed);
  for (const { verdict, tolerance } of report.findings)
    assert.deepEqual([verdict, tolerance], ['fp16: for information', null]);
  const logits = report.findings.find(({ output }) => output === 'caption.logits');
  assert.match(logits!.note, /same largest in \d+ of 12/);
});
