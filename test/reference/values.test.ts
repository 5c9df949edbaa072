/**
 * Feature maps, vectors and classes through the tasks, on the reference's tokenizers: their ids from files
 * and JSON, and their decoded values back as files.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { InputValue } from '../../shared/api/generate.ts';
import type { VqManifest } from '../../shared/model/manifest.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { Tensor } from '../../worker/session/types.ts';
import { readInput } from '../../worker/tasks/inputs.ts';
import { makeOutput } from '../../worker/tasks/outputs.ts';
import type { ServedModel } from '../../worker/tasks/servedModel.ts';
import { readNpy, writeNpy } from '../../worker/values/npy.ts';
import { type ExportedModel, exportedVq } from '../support/exported.ts';
import { fakeModel } from '../support/publishedModel.ts';
import {
  floats,
  ints,
  readTensors,
  relativeError,
  sharedPath,
  skipWithout,
} from '../support/shared.ts';

const TOLERANCE = 1e-4;
const file = (bytes: Uint8Array): InputValue => ({ data: Buffer.from(bytes).toString('base64') });

interface Case {
  readonly folder: string;
  readonly presentation: ModalityInfo['presentation'];
  readonly tokens: number;
  readonly codes: number;
}
const CASES: readonly Case[] = [
  { folder: 'vqvae_featmap', presentation: 'features', tokens: 16, codes: 48 },
  { folder: 'vqvae_global_mlp', presentation: 'vector', tokens: 4, codes: 40 },
  { folder: 'vqvae_human_poses', presentation: 'vector', tokens: 8, codes: 48 },
  { folder: 'vqvae_semseg', presentation: 'semseg', tokens: 16, codes: 48 },
];

for (const { folder, presentation, tokens, codes } of CASES) {
  describe(folder, { skip: skipWithout('reference', folder) }, () => {
    let exported: ExportedModel<VqManifest>;
    let recorded: Record<string, Tensor>;
    let model: ServedModel;
    const name = 'tok_case@32';
    before(async () => {
      exported = await exportedVq(sharedPath('reference', folder, 'weights.safetensors'));
      recorded = await readTensors(sharedPath('reference', folder, 'io.safetensors'));
      const { manifest, encoder, decoder } = exported;
      const info: ModalityInfo = {
        type: 'img',
        pixels: false,
        vocab_size: codes,
        max_tokens: tokens,
        input_size: 32,
        patch_size: 8,
        coord_bins: 1000,
        presentation,
        tokenizer: 'tok_case',
      };
      const tokenizer = { kind: 'vqvae', manifest, encoder, decoder } as const;
      model = fakeModel({ tok_case: tokenizer }, { [name]: info });
    });
    after(() => exported?.close());

    /** One row of the recorded inputs whose tokens are as many as the modality has. */
    interface Row {
      readonly name: string;
      readonly dims: readonly number[];
      readonly input: readonly number[];
      readonly ids: readonly number[];
      readonly decoded: Float32Array;
      readonly channels: number;
    }
    const rowOf = ({ data, dims }: Tensor, row: number) => {
      const size = data.length / dims[0]!;
      return data.subarray(row * size, (row + 1) * size);
    };
    const rows = (): Row[] =>
      Object.keys(recorded).flatMap((key) => {
        const input = /^(.*)\.input$/.exec(key)?.[1];
        if (input === undefined) return [];
        const all = recorded[key]!;
        const decoded = floats(recorded, `${input}.decoded`);
        return Array.from({ length: all.dims[0]! }, (_, row) => ({
          name: `${input}[${row}]`,
          dims: [1, ...all.dims.slice(1)],
          input: Array.from(rowOf(all, row) as Float32Array, Number),
          ids: Array.from(rowOf(ints(recorded, `${input}.tokens`), row) as BigInt64Array, Number),
          decoded: rowOf(decoded, row) as Float32Array,
          channels: decoded.dims[1]!,
        })).filter(({ ids }) => ids.length === tokens);
      });
    const forms = ({ input, dims }: Row): InputValue[] => {
      const whole = file(writeNpy(Float32Array.from(input), dims));
      return presentation === 'vector' ? [whole, { value: [...input] }] : [whole];
    };

    test('files and JSON become the recorded ids', async () => {
      assert.ok(rows().length > 0);
      for (const row of rows()) {
        for (const value of forms(row)) {
          const { content } = await readInput(name, value, model);
          assert.deepEqual(content, { kind: 'ids', ids: row.ids }, row.name);
        }
      }
    });

    test('ids become the recorded values', async (t) => {
      for (const { name: of, ids, decoded, channels } of rows()) {
        const { data, data_type, legend } = await makeOutput(name, ids, model, {
          seed: 0,
          sample: 0,
        });
        if (presentation === 'semseg') {
          const count = decoded.length / channels;
          const best = (pixel: number) => {
            const logits = Array.from({ length: channels }, (_, c) => decoded[c * count + pixel]!);
            return logits.indexOf(Math.max(...logits));
          };
          const present = new Set(Array.from({ length: count }, (_, pixel) => best(pixel)));
          assert.deepEqual(new Set(legend!.map(({ id }) => id)), present);
          continue;
        }
        assert.equal(data_type, 'application/x-npy');
        const values = readNpy(Buffer.from(data!.split(',')[1]!, 'base64'));
        const error = relativeError(Float32Array.from(values.data), decoded);
        t.diagnostic(`${of}: error ${error.toExponential(2)} of the scale`);
        assert.ok(error <= TOLERANCE);
      }
    });
  });
}
