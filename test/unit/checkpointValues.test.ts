/** Values of weights that are no numbers, and what a config may say in which form. */

import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Manifest } from '../../shared/model/manifest.ts';
import { PRECISIONS } from '../../shared/model/precisions.ts';
import type { ExportOptions } from '../../worker/export/exportCheckpoint.ts';
import {
  exportError,
  exportTiny,
  folderOfEachTest,
  THERMAL,
  THERMAL_INFO,
  THERMAL_TOKENS,
  thermalFm,
  withMetadata,
  withTensors,
} from '../support/exportTiny.ts';
import { f32 } from '../support/safetensors.ts';
import {
  TINY_DIM,
  TINY_MODALITIES,
  TINY_TOKENS,
  type TinyCheckpoint,
  tinyFm,
  tinyTokenizer,
} from '../support/tinyModel.ts';

const folder = folderOfEachTest();
const exported = (checkpoint: TinyCheckpoint, options?: ExportOptions, name?: string) =>
  exportTiny(folder.path, checkpoint, options, name);
const is = exportError;

describe('a value that is not finite', () => {
  /** A tensor with one value replaced, in any of the types that weights have. */
  function spoiled(dtype: 'F32' | 'F16' | 'BF16', shape: readonly number[], infinite: boolean) {
    const count = shape.reduce((product, size) => product * size, 1);
    if (dtype === 'F32') {
      const values = Array.from({ length: count }, (_, i) => 0.01 * i);
      values[count - 1] = infinite ? Number.NEGATIVE_INFINITY : Number.NaN;
      return f32(shape, values);
    }
    const one = dtype === 'F16' ? 0x3c00 : 0x3f80;
    const last = (dtype === 'F16' ? 0x7c00 : 0x7f80) + (infinite ? 0 : 1);
    const bits = Uint16Array.from({ length: count }, (_, i) => (i === count - 1 ? last : one));
    return { dtype, shape, data: new Uint8Array(bits.buffer) };
  }

  const places: [string, TinyCheckpoint][] = [
    // The check that ends an export never looks up the last row of a table.
    ['encoder_embeddings.caption.token_emb.weight', tinyFm()],
    ['decoder.0.mlp.fc1.weight', tinyFm()],
    ['decoder_norm.weight', tinyFm()],
    ['decoder_embeddings.caption.pos_emb', tinyFm()],
    ['encoder.0.attn.qkv.bias', tinyFm()],
    ['quantize.codes', tinyTokenizer()],
    ['decoder.linear_out.weight', tinyTokenizer()],
  ];
  for (const precision of PRECISIONS)
    test(`is found at export, with file and tensor, ${precision}`, async () => {
      for (const [name, checkpoint] of places)
        for (const dtype of ['F32', 'F16', 'BF16'] as const)
          for (const infinite of [false, true]) {
            const shape = checkpoint.tensors[name]?.shape ?? [];
            const bad = withTensors(checkpoint, { [name]: spoiled(dtype, shape, infinite) });
            const escaped = name.replaceAll('.', '\\.');
            await assert.rejects(
              exported(bad, { precision }),
              is('not_finite', new RegExp(`/tiny\\.safetensors: tensor ${escaped} holds values`)),
              `${name} ${dtype}`,
            );
          }
      assert.deepEqual(await readdir(folder.path), ['tiny.safetensors']);
    });

  test('in a tensor that the model never reads is nobody’s trouble', async () => {
    const name = `decoder_embeddings.${THERMAL}.token_emb.weight`;
    await exported(withTensors(thermalFm(), { [name]: spoiled('F32', [7, TINY_DIM], false) }));
  });
});

describe('what a config may say', () => {
  const modalitiesOf = (manifest: Manifest) =>
    manifest.kind === 'fm' ? manifest.modalities : undefined;
  const entries = { ...TINY_MODALITIES, [THERMAL]: { ...THERMAL_INFO, max_tokens: null } };
  const python = JSON.stringify(entries).replaceAll('null', 'None').replaceAll('"', "'");

  for (const [what, json] of [
    ['config.json', { modality_info: entries }],
    ['config.json, under "config"', { config: { modality_info: entries } }],
  ] as const)
    test(`modality_info in ${what}`, async () => {
      const { tensors, metadata } = thermalFm();
      const { modality_info: _, ...rest } = metadata;
      await writeFile(join(folder.path, 'config.json'), JSON.stringify(json));
      const found = modalitiesOf(await exported({ tensors, metadata: rest }));
      assert.equal(found?.[THERMAL]?.max_tokens, THERMAL_TOKENS);
      assert.equal(found?.caption?.max_tokens, TINY_TOKENS);
    });

  test('modality_info as a Python repr or as YAML, as metadata often is', async () => {
    const yaml = `caption:
  type: seq
  max_tokens: ${TINY_TOKENS}
${THERMAL}:
  type: img
  input_size: 16
  patch_size: 8
  max_tokens: null
  classes:
  - sky
  - 'sea: deep'
`;
    for (const text of [python, yaml]) {
      const found = modalitiesOf(
        await exported(withMetadata(thermalFm(), { modality_info: text })),
      );
      assert.equal(found?.[THERMAL]?.max_tokens, THERMAL_TOKENS);
      if (text === yaml) assert.deepEqual(found?.[THERMAL]?.classes, ['sky', 'sea: deep']);
    }
    await assert.rejects(
      exported(withMetadata(thermalFm(), { modality_info: 'a word' })),
      is('config', /modality_info of the metadata is not a JSON object/),
    );
  });

  test('domains that no model embeds, and lists as YAML blocks', async () => {
    const manifest = await exported(
      withMetadata(tinyFm(), {
        domains_in: "- caption\n- sam_mask\n- 'mask_valid'\n",
        domains_out: "['caption', 'sam_mask']",
        dim: `${TINY_DIM}\n...\n`,
      }),
    );
    assert.deepEqual(manifest.kind === 'fm' && manifest.config.domains_in, ['caption']);
    assert.deepEqual(manifest.kind === 'fm' && manifest.config.domains_out, ['caption']);
  });

  test('a whole config beside the file, with such domains', async () => {
    const { tensors, metadata } = tinyFm();
    await mkdir(join(folder.path, 'hub'));
    const config = {
      ...Object.fromEntries(
        Object.entries(metadata)
          .filter(([key]) => key !== 'modality_info' && key !== 'licence')
          .map(([key, value]) => [
            key,
            /^[TF]/.test(value) ? value === 'True' : Number(value) || value,
          ]),
      ),
      domains_in: ['caption', 'sam_mask'],
      domains_out: ['caption'],
      modality_info: TINY_MODALITIES,
    };
    await writeFile(join(folder.path, 'hub', 'config.json'), JSON.stringify(config));
    const manifest = await exported({ tensors, metadata: {} }, {}, 'hub/any-name');
    assert.deepEqual(manifest.kind === 'fm' && manifest.config.domains_in, ['caption']);
  });
});
