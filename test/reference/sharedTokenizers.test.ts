/** The demo's tokenizers answer many callers at once with the bytes that each would get alone. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { VqManifest } from '../../shared/model/manifest.ts';
import { sharedTokenizers } from '../../worker/batching/sharedTokenizers.ts';
import type { GraphSession, LoadedTokenizer, Tensor } from '../../worker/session/types.ts';
import { type ExportedModel, exportedVq } from '../support/exported.ts';
import { choices } from '../support/mixes.ts';
import { REPOSITORY } from '../support/shared.ts';

const SIDE = 64;
const GRID = 16;
const CALLERS = 24;

for (const precision of ['fp32', 'int8'] as const) {
  describe(`the demo's rgb tokenizer in ${precision}`, () => {
    let model: ExportedModel<VqManifest>;
    const sizes = new Map<string, number[]>();
    before(async () => {
      const file = join(REPOSITORY, 'infra/demo/model/tok_rgb.safetensors');
      model = await exportedVq(file, { precision });
    });
    after(() => model?.close());

    /** Notes the rows of every run. */
    const counted = (name: string, graph: GraphSession): GraphSession => ({
      ...graph,
      run(feeds, ...rest) {
        const rows = Object.values(feeds)[0]!.dims[0]!;
        sizes.set(name, [...(sizes.get(name) ?? []), rows]);
        return graph.run(feeds, ...rest);
      },
    });

    test('encoding and decoding give the same bytes in shared runs as alone', async () => {
      const { manifest, encoder, decoder } = model;
      const alone: LoadedTokenizer = { kind: 'vqvae', manifest, encoder, decoder };
      const watched = {
        ...alone,
        encoder: counted('encoder', encoder),
        decoder: counted('decoder', decoder),
      };
      const shared = sharedTokenizers({ rgb: watched }).rgb as typeof alone;
      const asked = Array.from({ length: CALLERS }, (_, caller) => {
        const random = choices(caller);
        const rows = 1 + random.below(2);
        const pixels = Float32Array.from(
          { length: rows * 3 * SIDE * SIDE },
          () => 2 * random.share() - 1,
        );
        const ids = BigInt64Array.from({ length: rows * GRID * GRID }, () =>
          BigInt(random.below(manifest.config.codebook_size)),
        );
        return {
          pixels: { type: 'float32', dims: [rows, 3, SIDE, SIDE], data: pixels } as Tensor,
          ids: { type: 'int64', dims: [rows, GRID, GRID], data: ids } as Tensor,
        };
      });
      const both = async (tokenizer: typeof alone, { pixels, ids }: (typeof asked)[number]) => [
        await tokenizer.encoder.run({ pixels }, ['ids']),
        await tokenizer.decoder.run({ ids }, ['values']),
      ];
      const expected = [];
      for (const one of asked) expected.push(await both(alone, one));
      assert.deepEqual(await Promise.all(asked.map((one) => both(shared, one))), expected);
      for (const [name, rows] of sizes) assert.ok(Math.max(...rows) > 2, `${name}: ${rows.join()}`);
    });
  });
}
