/** What checkpoints hold: names with prefixes, tables and tokenizers that do not fit. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ExportOptions } from '../../worker/export/exportCheckpoint.ts';
import { exportSet } from '../../worker/export/exportSet.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { SessionError } from '../../worker/session/types.ts';
import {
  exportError,
  exportTiny,
  folderOfEachTest,
  renamed,
  THERMAL,
  THERMAL_INFO,
  THERMAL_TOKENS,
  thermalFm,
  withMetadata,
  withTensors,
} from '../support/exportTiny.ts';
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

const folder = folderOfEachTest();
const exported = (checkpoint: TinyCheckpoint, options?: ExportOptions, name?: string) =>
  exportTiny(folder.path, checkpoint, options, name);
const is = exportError;

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
    const file = join(folder.path, 'tiny.safetensors');
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
    const out = join(folder.path, 'by-command');
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
    await writeFile(join(folder.path, 'tokenizer.json'), vocabulary(12));
    await assert.rejects(exported(tinyFm()), is('vocabulary', mismatch));
    await writeTiny(join(folder.path, 'fm.safetensors'), tinyFm());
    await rm(join(folder.path, 'tiny.safetensors'));
    await assert.rejects(
      exportSet(folder.path, join(folder.path, 'set')),
      is('vocabulary', mismatch),
    );
    await writeFile(join(folder.path, 'tokenizer.json'), vocabulary(11));
    await exportSet(folder.path, join(folder.path, 'set'));
  });

  test('of texts is refused at load', async () => {
    await writeTiny(join(folder.path, 'fm.safetensors'), tinyFm());
    await writeFile(join(folder.path, 'tokenizer.json'), vocabulary(11));
    await exportSet(folder.path, join(folder.path, 'set'));
    await (await loadModelSet(join(folder.path, 'set'), { threads: 1 })).close();
    await writeFile(join(folder.path, 'set', 'tokenizer.json'), vocabulary(12));
    await assert.rejects(loadModelSet(join(folder.path, 'set'), { threads: 1 }), (error) => {
      assert.ok(error instanceof SessionError, String(error));
      return mismatch.test(error.message);
    });
  });

  test('of pictures is refused with both numbers', async () => {
    const named = { ...TINY_MODALITIES, [THERMAL]: { ...THERMAL_INFO, tokenizer: 'tok_vector' } };
    const fm = withMetadata(thermalFm(), { modality_info: JSON.stringify(named) });
    await writeTiny(join(folder.path, 'fm.safetensors'), fm);
    await writeTiny(join(folder.path, 'tok_vector.safetensors'), tinyTokenizer());
    await writeFile(join(folder.path, 'tokenizer.json'), '{}');
    await assert.rejects(
      exportSet(folder.path, join(folder.path, 'set')),
      is('vocabulary', /tok_vector\.safetensors: the codebook .* has 5 entries, .* has 7/),
    );
  });
});
