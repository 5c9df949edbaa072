/** What checkpoints hold: names with prefixes, values that are no numbers, tables and tokenizers that do not fit. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Manifest } from '../../shared/model/manifest.ts';
import { ExportError, type ExportProblem } from '../../worker/export/errors.ts';
import { type ExportOptions, exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { exportSet } from '../../worker/export/exportSet.ts';
import { loadModelSet } from '../../worker/session/registry.ts';
import { SessionError } from '../../worker/session/types.ts';
import { temporaryFolder } from '../support/exported.ts';
import { f32, type TensorToWrite } from '../support/safetensors.ts';
import {
  filled,
  TINY_DIM,
  TINY_MODALITIES,
  TINY_TOKENS,
  type TinyCheckpoint,
  tinyFm,
  tinyTokenizer,
  writeTiny,
} from '../support/tinyModel.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true }));

let exports = 0;
async function exported(
  checkpoint: TinyCheckpoint,
  options: ExportOptions = {},
  name = 'tiny',
): Promise<Manifest> {
  const file = join(folder, `${name}.safetensors`);
  await writeTiny(file, checkpoint);
  return await exportCheckpoint(file, join(folder, `out-${exports++}`), options);
}

const is = (reason: ExportProblem, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ExportError, String(error));
  assert.equal(error.reason, reason, error.message);
  assert.match(error.message, message);
  return true;
};

const renamed = (
  { tensors, metadata }: TinyCheckpoint,
  rename: (name: string) => string,
): TinyCheckpoint => ({
  metadata,
  tensors: Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [rename(name), tensor]),
  ),
});
const withTensors = (
  { tensors, metadata }: TinyCheckpoint,
  more: Record<string, TensorToWrite>,
): TinyCheckpoint => ({ metadata, tensors: { ...tensors, ...more } });
const withMetadata = (
  { tensors, metadata }: TinyCheckpoint,
  more: Record<string, string>,
): TinyCheckpoint => ({ tensors, metadata: { ...metadata, ...more } });

const THERMAL = 'tok_thermal@16';
const THERMAL_TOKENS = 4;
const THERMAL_INFO = { type: 'img', vocab_size: 7, input_size: 16, patch_size: 8 } as const;

/** The tiny FM, which predicts a picture of 2 x 2 tokens as well. */
function thermalFm(): TinyCheckpoint {
  const at = `decoder_embeddings.${THERMAL}`;
  const shapes = {
    [`${at}.token_emb.weight`]: [7, TINY_DIM],
    [`${at}.pos_emb`]: [1, THERMAL_TOKENS, TINY_DIM],
    [`${at}.mod_emb`]: [1, 1, TINY_DIM],
    [`${at}.to_logits.weight`]: [7, TINY_DIM],
    'decoder_embeddings.caption.mod_emb': [1, 1, TINY_DIM],
  };
  const all = { ...TINY_MODALITIES, [THERMAL]: THERMAL_INFO };
  return withTensors(
    withMetadata(tinyFm(), {
      share_modality_embeddings: 'False',
      domains_out: `['caption', '${THERMAL}']`,
      modality_info: JSON.stringify(all),
    }),
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, filled(name, shape)])),
  );
}

describe('prefixes that training leaves in front of names', () => {
  for (const prefix of ['module.', '_orig_mod.', 'model.', 'module._orig_mod.', 'model.module.'])
    test(`${prefix} is taken away, of models and tokenizers`, async () => {
      for (const plain of [tinyFm(), tinyTokenizer()]) {
        const { check, parameters } = await exported(plain);
        const wrapped = await exported(renamed(plain, (name) => prefix + name));
        assert.deepEqual([wrapped.check.outputs, wrapped.parameters], [check.outputs, parameters]);
      }
    });

  test('another one is named, and taken away when told', async () => {
    const file = join(folder, 'tiny.safetensors');
    const plain = await exported(tinyFm());
    const wrapped = renamed(tinyFm(), (name) => `student.net.${name}`);
    await assert.rejects(
      exported(wrapped),
      is('config', /tensor student\.net\.encoder_norm\.weight: .*--strip-prefix student\.net\.$/),
    );
    for (const stripPrefix of ['student.net.', 'student.net']) {
      const told = await exported(wrapped, { stripPrefix });
      assert.equal(told.check.outputs, plain.check.outputs);
    }
    const cli = fileURLToPath(new URL('../../worker/export/cli.js', import.meta.url));
    const out = join(folder, 'by-command');
    execFileSync(process.execPath, [cli, file, out, '--strip-prefix', 'student.net.']);
    assert.ok((await readdir(out)).includes('model.json'));
    await assert.rejects(
      exported(wrapped, { stripPrefix: 'teacher.' }),
      /no tensor's name begins with "teacher\."/,
    );
  });

  test('of one of two models in a file picks that one', async () => {
    const plain = await exported(tinyFm());
    const averaged = renamed(tinyFm(), (name) => `ema.${name}`);
    const other = Object.fromEntries(
      Object.entries(tinyFm().tensors).map(([name, { shape }]) => [
        `raw.${name}`,
        filled(`raw.${name}`, shape),
      ]),
    );
    const both = withTensors(averaged, other);
    await assert.rejects(exported(both), is('config', /--strip-prefix (ema|raw)\.$/));
    const { check } = await exported(both, { stripPrefix: 'ema.' });
    assert.equal(check.outputs, plain.check.outputs);
  });

  test('that not all names have is not guessed at', async () => {
    const some = renamed(tinyFm(), (name) => (name === 'mask_token' ? name : `module.${name}`));
    await assert.rejects(
      exported(some),
      is('config', /tensor module\.encoder_norm\.weight: .*--strip-prefix module\.$/),
    );
  });
});

describe('tables of positions', () => {
  const tableOf = (name: string, rows: number) => ({
    [name]: filled('positions', [1, rows, TINY_DIM]),
  });
  const picture = `decoder_embeddings.${THERMAL}.pos_emb`;
  for (const rows of [1, THERMAL_TOKENS - 1, THERMAL_TOKENS + 1, 1024])
    test(`of a picture have its tokens as rows, not ${rows}`, async () => {
      const expected = new RegExp(
        `tensor decoder_embeddings\\.tok_thermal@16\\.pos_emb is \\[1, ${rows}, 8\\], \\[1, 4, 8\\] expected`,
      );
      await assert.rejects(
        exported(withTensors(thermalFm(), tableOf(picture, rows))),
        is('wrong_shape', expected),
      );
    });

  for (const side of ['encoder', 'decoder'])
    test(`of a sequence have at least a row for each token, in the ${side}`, async () => {
      const name = `${side}_embeddings.caption.pos_emb`;
      await assert.rejects(
        exported(withTensors(tinyFm(), tableOf(name, TINY_TOKENS - 1))),
        is(
          'wrong_shape',
          new RegExp(`tensor ${side}\\S+ is \\[1, 5, 8\\], \\[1, at least 6, 8\\] expected`),
        ),
      );
      await exported(withTensors(tinyFm(), tableOf(name, 512)));
    });

  test('are looked at in a backbone as well', async () => {
    const short = tableOf('encoder_embeddings.caption.pos_emb', 2);
    await assert.rejects(
      exported(withTensors(tinyFm(), short), { backbone: true }),
      is('wrong_shape', /\[1, 2, 8\], \[1, at least 6, 8\] expected/),
    );
  });
});

describe('a tokenizer of another model', () => {
  const vocabulary = (entries: number) =>
    JSON.stringify({
      added_tokens: [{ id: entries - 1, content: '[LAST]' }],
      model: { type: 'WordPiece', vocab: { a: 0, b: 1 } },
    });
  const mismatch = /tokenizer\.json: the text tokenizer has 12 entries, .* for caption has 11/;

  test('of texts is refused at export, alone and in a set', async () => {
    await writeFile(join(folder, 'tokenizer.json'), vocabulary(12));
    await assert.rejects(exported(tinyFm()), is('vocabulary', mismatch));
    await writeTiny(join(folder, 'fm.safetensors'), tinyFm());
    await rm(join(folder, 'tiny.safetensors'));
    await assert.rejects(exportSet(folder, join(folder, 'set')), is('vocabulary', mismatch));
    await writeFile(join(folder, 'tokenizer.json'), vocabulary(11));
    await exportSet(folder, join(folder, 'set'));
  });

  test('of texts is refused at load', async () => {
    await writeTiny(join(folder, 'fm.safetensors'), tinyFm());
    await writeFile(join(folder, 'tokenizer.json'), vocabulary(11));
    await exportSet(folder, join(folder, 'set'));
    await (await loadModelSet(join(folder, 'set'), { threads: 1 })).close();
    await writeFile(join(folder, 'set', 'tokenizer.json'), vocabulary(12));
    await assert.rejects(loadModelSet(join(folder, 'set'), { threads: 1 }), (error) => {
      assert.ok(error instanceof SessionError, String(error));
      return mismatch.test(error.message);
    });
  });

  test('of pictures is refused with both numbers', async () => {
    const named = { ...TINY_MODALITIES, [THERMAL]: { ...THERMAL_INFO, tokenizer: 'tok_vector' } };
    const fm = withMetadata(thermalFm(), { modality_info: JSON.stringify(named) });
    await writeTiny(join(folder, 'fm.safetensors'), fm);
    await writeTiny(join(folder, 'tok_vector.safetensors'), tinyTokenizer());
    await writeFile(join(folder, 'tokenizer.json'), '{}');
    await assert.rejects(
      exportSet(folder, join(folder, 'set')),
      is('vocabulary', /tok_vector\.safetensors: the codebook .* has 5 entries, .* has 7/),
    );
  });
});

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
  for (const precision of ['fp32', 'fp16', 'int8', 'int4'] as const)
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
      assert.deepEqual(await readdir(folder), ['tiny.safetensors']);
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
      await writeFile(join(folder, 'config.json'), JSON.stringify(json));
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
    await mkdir(join(folder, 'hub'));
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
    await writeFile(join(folder, 'hub', 'config.json'), JSON.stringify(config));
    const manifest = await exported({ tensors, metadata: {} }, {}, 'hub/any-name');
    assert.deepEqual(manifest.kind === 'fm' && manifest.config.domains_in, ['caption']);
  });
});
