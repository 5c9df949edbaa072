/**
 * FM cases: `X_inputs.safetensors` with one or more `X_*.safetensors` of what the reference made of them.
 * Every encoder output and every logits in these is held against ours.
 */
import { basename } from 'node:path';
import { CompareError } from './errors.ts';
import { type FmCase, inputRows, registersOf } from './fmCase.ts';
import {
  compareTokens,
  type Encoded,
  encodeRows,
  type PlacedToken,
  placedTokens,
} from './fmEncoded.ts';
import { compareTargets } from './fmTargets.ts';
import { compareTraining } from './fmTraining.ts';
import { floats } from './tensors.ts';

/** Encoder outputs of a generation pass, under a prefix: `encoder_out`, `gen.context`. */
async function compareEncoding(fmCase: FmCase, prefix: string): Promise<Encoded> {
  const { model, expected, order, report, used } = fmCase;
  const rows = inputRows(fmCase);
  const encoded = await encodeRows(model, rows);
  const modMask = expected[`${prefix}encoder_mod_mask`];
  const tokens = rows.map((row, b) => {
    const counts = Object.fromEntries(
      Object.entries(row).map(([name, { positions }]) => [name, positions.length]),
    );
    const placed = placedTokens(modMask, b, order, counts, registersOf(model));
    assertSame(prefix, b, counts, placed);
    return placed;
  });
  const outputs = { encoder_out: 'features', context: 'context' } as const;
  for (const [name, graphOutput] of Object.entries(outputs)) {
    const output = prefix + name;
    if (!expected[output] || !encoded.outputs[graphOutput]) continue;
    used.add(output);
    const reference = floats(expected, output);
    compareTokens(report, output, reference, encoded, graphOutput, tokens, registersOf(model));
  }
  return encoded;
}

function assertSame(
  prefix: string,
  row: number,
  counts: Readonly<Record<string, number>>,
  tokens: readonly PlacedToken[],
): void {
  const unknown = tokens.find(({ name }) => !(name in counts));
  if (unknown)
    throw new CompareError(`${prefix}encoder_mod_mask: the model takes no ${unknown.name}`);
  for (const [name, count] of Object.entries(counts)) {
    const held = tokens.filter((token) => token.name === name).length;
    if (held !== count)
      throw new CompareError(
        `${prefix}encoder_mod_mask: ${held} tokens of ${name} in row ${row}, ${count} are visible in the inputs`,
      );
  }
}

/**
 * @param file one of a case's `X_*.safetensors`, for messages
 * @throws CompareError where the inputs do not fit the outputs
 */
export async function compareFm(file: string, fmCase: Omit<FmCase, 'used'>): Promise<void> {
  const whole: FmCase = { ...fmCase, used: new Set() };
  const names = Object.keys(whole.expected);
  for (const prefix of passes(names)) {
    const encoded = await compareEncoding(whole, prefix);
    await compareTargets(whole, prefix, encoded);
  }
  if (names.some((name) => name.startsWith('train.'))) await compareTraining(whole);
  const rest = names.filter((name) => !whole.used.has(name) && !SUPPORTING.test(name));
  if (rest.length > 0)
    whole.report.remark(`not an output of the graphs, in ${basename(file)}: ${rest.join(', ')}`);
}

/** Prefixes of generation passes: none, `gen.`; `maskgit.` has targets only, which the first pass does. */
function passes(names: readonly string[]): string[] {
  const prefixes = names.flatMap(
    (name) => /^((?:\w+\.)?)(?:encoder_out|context|[^.]+\.logits)$/.exec(name)?.[1] ?? [],
  );
  const own = new Set(prefixes.filter((prefix) => prefix !== 'train.' && prefix !== 'maskgit.'));
  return own.size > 0 ? [...own] : [''];
}

/** Tensors that say where the others belong. */
const SUPPORTING =
  /(?:^|\.)(?:encoder_mask|encoder_mod_mask|decoder_mask|decoder_mod_mask|decoder_attention_mask|mod_pos|tf_ids|target_ids|decoder_ids_start|num_encoder_tokens|num_decoder_tokens)$/;
