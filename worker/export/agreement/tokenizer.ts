/** Agreement of a tokenizer: the ids it finds for values that it decoded itself, or for fixed pictures. */
import { fieldOf, itemAt } from '../../../shared/lookup.ts';
import type { DivaeManifest, VqManifest } from '../../../shared/model/manifest.ts';
import type { FloatTensor, GraphSession, Tensor } from '../../session/types.ts';
import { type Agreement, addUp, countEqual, graphOf, type Sessions } from './counting.ts';
import { waves } from './pictures.ts';

const ROWS = 8;

export async function tokenizerAgreement(
  manifest: VqManifest | DivaeManifest,
  fp32: Sessions,
  lowered: Sessions,
): Promise<Agreement> {
  const results: Agreement[] = [];
  for (let row = 0; row < ROWS; row++) {
    const input =
      manifest.kind === 'vqvae'
        ? asInput(manifest, await decodedIds(manifest, graphOf(fp32, 'decoder'), row))
        : picture(manifest, row);
    const ids = async (sessions: Sessions) => {
      const encoder = graphOf(sessions, 'encoder');
      const { name } = itemAt(encoder.signature.inputs, 0, "a tokenizer's inputs");
      const outputs = await encoder.run({ [name]: input });
      return fieldOf(outputs, 'ids', "a tokenizer's outputs").data;
    };
    results.push(countEqual(await ids(fp32), await ids(lowered)));
  }
  return addUp(results);
}

/** Values of arbitrary ids, (1, C, H, W) or (1, C). */
async function decodedIds(
  { config }: VqManifest,
  decoder: GraphSession,
  row: number,
): Promise<FloatTensor> {
  const grid = Math.floor(config.image_size / config.patch_size);
  const { dims: named } = itemAt(decoder.signature.inputs, 0, "a tokenizer's inputs");
  const dims = named.slice(1).map((axis) => (typeof axis === 'number' ? axis : grid));
  const count = dims.reduce((product, size) => product * size, 1);
  const data = BigInt64Array.from({ length: count }, (_, i) =>
    BigInt(((i + 1) * (row + 1) * 7919) % config.codebook_size),
  );
  const { values } = await decoder.run({ ids: { type: 'int64', dims: [1, ...dims], data } });
  if (values?.type !== 'float32') throw new Error('agreement: a tokenizer gave no values');
  return values;
}

/** Decoded values as an encoder's input: of class logits the best class. */
function asInput({ config }: VqManifest, values: FloatTensor): Tensor {
  if (config.n_labels === null) return values;
  const [, classes = 1, height = 1, width = 1] = values.dims;
  const area = height * width;
  const logit = (label: number, place: number) =>
    itemAt(values.data, label * area + place, 'logits of labels');
  const data = BigInt64Array.from({ length: area }, (_, place) => {
    let top = 0;
    for (let c = 1; c < classes; c++) if (logit(c, place) > logit(top, place)) top = c;
    return BigInt(top);
  });
  return { type: 'int64', dims: [1, height, width], data };
}

function picture({ config }: DivaeManifest, row: number): Tensor {
  const { n_channels, image_size } = config;
  const dims = [1, n_channels, image_size, image_size];
  return { type: 'float32', dims, data: waves(n_channels, image_size, image_size, row) };
}
