/** Backbone cases: `io.safetensors` with `features` and `logits` of a picture, which may lie elsewhere. */

import { fieldOf, itemAt, present } from '../../shared/lookup.ts';
import { CompareError } from './errors.ts';
import { encodeRows, type FmModel } from './fmEncoded.ts';
import { patches, range } from './fmFeeds.ts';
import { loadPixels, type Pixels, rowsOfPicture } from './fmInputs.ts';
import type { Report } from './report.ts';
import { floats, type Tensors } from './tensors.ts';
import { remarkUnused } from './vq.ts';

/** @throws CompareError where the model takes no pixels, or the picture is nowhere */
export async function compareFmVit(
  model: FmModel,
  folder: string,
  io: Tensors,
  report: Report,
): Promise<void> {
  const used = new Set(['input']);
  const name = pixelModality(model, io);
  const info = fieldOf(model.manifest.modalities, name, 'modalities');
  const pixels: Pixels = io.input
    ? rowsOfPicture(floats(io, 'input'), 'io.safetensors')
    : await loadPixels(folder, present(info.input_size, `input_size of ${name}`));
  const outputs = ['features', 'pooled', 'logits'].filter((output) => io[output]);
  const batch = Math.max(
    ...outputs.map((output) => itemAt(fieldOf(io, output, 'the case').dims, 0, 'dims')),
  );
  const rows = range(batch).map((row) => {
    const { data, dims } = pixels(row);
    const content = patches(
      data,
      itemAt(dims, 3, 'dims'),
      present(info.patch_size, `patch_size of ${name}`),
    );
    return { [name]: { content, positions: range(content.length) } };
  });
  const encoded = await encodeRows(model, rows);
  for (const output of outputs) {
    used.add(output);
    if (encoded.outputs[output])
      report.values(output, floats(encoded.outputs, output), floats(io, output), {
        logits: output === 'logits',
        partial: true,
      });
    else
      report.remark(
        `${output} not compared: ${output === 'logits' ? 'the model has no head' : 'the model is no backbone'}`,
      );
  }
  remarkUnused(io, used, report);
}

/** Among several pixel modalities the one of the case's size. */
function pixelModality({ manifest }: FmModel, io: Tensors): string {
  const { modalities, config } = manifest;
  const names = config.domains_in.filter((name) => fieldOf(modalities, name, 'modalities').pixels);
  const size = io.input?.dims[3];
  const tokens = io.features?.dims[1];
  const fitting = names.find((name) => {
    const info = fieldOf(modalities, name, 'modalities');
    return size === undefined ? info.max_tokens === tokens : info.input_size === size;
  });
  const name = fitting ?? names[0];
  if (name === undefined) throw new CompareError('the model takes no pixels');
  return name;
}
