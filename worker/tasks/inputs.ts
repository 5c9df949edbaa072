/** Input values of a request -> tokens the encoder sees. */
import { z } from 'zod';
import type { GenerateRequest, InputValue } from '../../shared/api/generate.ts';
import { FailureError, type ProblemCode } from '../../shared/api/problem.ts';
import { findModality, inputForm, inputModality, inputPointer } from '../../shared/api/validate.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { fullRows, fullTokens, type TokenState, type VisibleTokens } from '../engine/tokenState.ts';
import { bytesFromText, decodePicture, inspectPicture } from '../image/decode.ts';
import { pixelPatches } from '../image/preprocess.ts';
import { formatBoxes, formatMetadata, formatPalette } from '../text/sequences.ts';
import type { ServedModel } from './servedModel.ts';
import { encodePicture } from './tokenizers.ts';

const refuse = (code: ProblemCode, detail: string, pointer: string): FailureError =>
  new FailureError({ code, detail, errors: [{ detail, pointer }] });

const unit = z.number().min(0).max(1);
const boxesSchema = z.array(
  z.object({
    xmin: unit,
    ymin: unit,
    xmax: unit,
    ymax: unit,
    class: z.string().min(1).max(100),
  }),
);
const paletteSchema = z.array(z.string().regex(/^#[0-9a-fA-F]{6}$/)).max(7);
const metadataSchema = z.record(z.string(), z.number());

/**
 * Structured modalities may be given as JSON, in the form in which they are answered; everything else,
 * and their own token format, is taken as it is.
 */
export function sequenceText(text: string, info: ModalityInfo): string {
  if (!/^\s*[[{]\s*["{\]}]/.test(text)) return text;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return text;
  }
  if (info.presentation === 'boxes') {
    const boxes = boxesSchema.safeParse(json);
    if (boxes.success) return formatBoxes(boxes.data, info.coord_bins);
  } else if (info.presentation === 'palette') {
    const palette = paletteSchema.safeParse(json);
    if (palette.success) return formatPalette(palette.data, info.coord_bins);
  } else if (info.presentation === 'metadata') {
    const metadata = metadataSchema.safeParse(json);
    if (metadata.success) return formatMetadata(metadata.data);
  }
  return text;
}

function textTokens(
  text: string,
  model: ServedModel,
  info: ModalityInfo,
  at: string,
): VisibleTokens {
  const words = model.text.encode(sequenceText(text, info));
  if (words.length === 0) throw refuse('invalid_input', 'the text is empty', at);
  const ids = [...words, model.text.specials.eos];
  if (ids.length > info.max_tokens) {
    const detail = `the text has ${ids.length} tokens with its end; at most ${info.max_tokens} fit`;
    throw refuse('invalid_input', detail, at);
  }
  return fullTokens(ids);
}

async function pictureTokens(
  encoded: string,
  exact: string,
  model: ServedModel,
  at: string,
): Promise<VisibleTokens> {
  const info = model.loaded.fm.modalities[exact]!;
  const picture = await inspectPicture(bytesFromText(encoded, at), at);
  if (!info.pixels) return fullTokens(await encodePicture(picture, exact, model.loaded, at));
  const size = info.input_size!;
  const options = { size, channels: 3, resampling: 'smooth' } as const;
  const { data } = await decodePicture(picture, options, at);
  return fullRows(pixelPatches(data, size, info.patch_size!), 3 * info.patch_size! ** 2);
}

async function readInput(
  name: string,
  value: InputValue,
  model: ServedModel,
): Promise<readonly [string, VisibleTokens]> {
  const at = inputPointer(name);
  const entry = findModality(model.description, name)!;
  const form = inputForm(entry, value);
  const exact = inputModality(entry, name, form)!;
  if (typeof value === 'object' && 'tokens' in value) return [exact, fullTokens(value.tokens)];
  const given = typeof value === 'string' ? value : 'text' in value ? value.text : value.data;
  const info = model.loaded.fm.modalities[exact]!;
  return [
    exact,
    form === 'text'
      ? textTokens(given, model, info, at)
      : await pictureTokens(given, exact, model, at),
  ];
}

/**
 * Reads all inputs of a request that `checkGenerate` has passed.
 * @throws FailureError `invalid_image`, `image_too_large`, `invalid_input`, `no_tokenizer`
 */
export async function readInputs(
  inputs: GenerateRequest['inputs'],
  model: ServedModel,
): Promise<TokenState> {
  const state = new Map<string, VisibleTokens>();
  for (const [name, value] of Object.entries(inputs)) {
    const [exact, tokens] = await readInput(name, value, model);
    state.set(exact, tokens);
  }
  return state;
}
