/** Logits of one target at a time, as in generation: `M.logits` with `M.mod_pos` or `M.tf_ids`. */
import { logitsName } from '../../shared/model/graphNames.ts';
import { type FmCase, infoOf, inputRows, resolveName } from './fmCase.ts';
import { type Encoded, encodeRows } from './fmEncoded.ts';
import { decoderFeeds, range, type Targets } from './fmFeeds.ts';
import { boundedPositions, visible } from './fmInputs.ts';
import { floats, ints } from './tensors.ts';

/** Passes whose targets show row 0's tokens in every row. */
const FIRST_ROW_MASKS = 'maskgit.';

/**
 * @param prefix of the pass: its own targets, and those of `maskgit.` when it is the last to be encoded
 * @param encoded what the targets read
 */
export async function compareTargets(
  fmCase: FmCase,
  prefix: string,
  encoded: Encoded,
): Promise<void> {
  const { model, expected, report, used } = fmCase;
  const { manifest, decoder } = model;
  if (manifest.kind !== 'fm' || !decoder) return;
  for (const output of Object.keys(expected)) {
    const [, pass, short] = /^((?:\w+\.)?)([^.]+)\.logits$/.exec(output) ?? [];
    if (short === undefined || used.has(output) || pass === 'train.') continue;
    const maskgit = pass === FIRST_ROW_MASKS;
    if (!maskgit && pass !== prefix) continue;
    used.add(output);
    const given = (name: string) => `${name}.target_mask` in fmCase.inputs.tensors;
    const name = resolveName(short, manifest.config.domains_out, given);
    if (name === undefined) {
      report.missing(output, `the model predicts no modality ${short}`);
      continue;
    }
    const stem = output.slice(0, -'.logits'.length);
    const targets = targetRows(fmCase, stem, name);
    if (targets === undefined) {
      report.missing(output, `neither ${stem}.mod_pos nor ${stem}.tf_ids says what is decoded`);
      continue;
    }
    const read = maskgit ? await encodeAsFirstRow(fmCase, name) : encoded;
    const causal = infoOf(fmCase, name).type === 'seq';
    const context = floats(read.outputs, 'context');
    const feeds = decoderFeeds(manifest, { [name]: targets }, context, read.input.mask, causal);
    const graphOutput = logitsName(name);
    const logits = floats(await decoder.run(feeds, [graphOutput]), graphOutput);
    report.values(output, logits, floats(expected, output), { logits: true, partial: true });
  }
}

/** What is decoded in each row of the batch. */
function targetRows(fmCase: FmCase, stem: string, name: string): Targets[] | undefined {
  const { expected } = fmCase;
  const isSequence = infoOf(fmCase, name).type === 'seq';
  const key = isSequence ? `${stem}.tf_ids` : `${stem}.mod_pos`;
  if (!expected[key]) return undefined;
  const { data, dims } = ints(expected, key);
  const [batch = 0, length = 0] = dims;
  return range(batch).map((row) => {
    const numbers = Array.from(data.subarray(row * length, (row + 1) * length), Number);
    if (!isSequence) return { positions: numbers };
    return { ids: numbers, positions: boundedPositions(range(length), infoOf(fmCase, name)) };
  });
}

/** The inputs with one modality's tokens shown where row 0 shows them. */
function encodeAsFirstRow(fmCase: FmCase, name: string): Promise<Encoded> {
  const { model, inputs } = fmCase;
  const rows = inputRows(fmCase).map((row, b) =>
    name in row ? { ...row, [name]: visible(inputs, name, b, 0) } : row,
  );
  return encodeRows(model, rows);
}
