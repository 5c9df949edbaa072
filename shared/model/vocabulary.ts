/** Whether tokenizers and a model fit: no id of the one may lie beyond the tables of the other. */
import * as z from 'zod';
import type { QuantizingConfig } from './config.ts';
import type { ModalityInfo } from './modalities.ts';

/** The parts of a Hugging Face `tokenizer.json` that give ids to texts. */
const tokenizerSchema = z.object({
  model: z
    .object({
      /** Text -> id, or a list of texts with scores, in order of id. */
      vocab: z.union([z.record(z.string(), z.number().int()), z.array(z.unknown())]).default({}),
    })
    .optional(),
  added_tokens: z.array(z.object({ id: z.number().int() })).default([]),
});

/** Ids that a text can become, counted from 0; 0 for what is not a tokenizer. */
export function tokenizerEntries(json: unknown): number {
  const parsed = tokenizerSchema.safeParse(json);
  if (!parsed.success) return 0;
  const { model, added_tokens } = parsed.data;
  const vocabulary = model?.vocab ?? {};
  let entries = Array.isArray(vocabulary) ? vocabulary.length : 0;
  if (!Array.isArray(vocabulary))
    for (const id of Object.values(vocabulary)) entries = Math.max(entries, id + 1);
  for (const { id } of added_tokens) entries = Math.max(entries, id + 1);
  return entries;
}

/**
 * @returns what is wrong where the tokenizer has ids that a modality's table does not hold, else undefined
 */
export function vocabularyProblem(
  entries: number,
  modalities: Readonly<Record<string, ModalityInfo>>,
): string | undefined {
  for (const [name, { type, vocab_size }] of Object.entries(modalities))
    if (type === 'seq' && vocab_size !== undefined && entries > vocab_size)
      return `the text tokenizer has ${entries} entries, and the model's table for ${name} has ${vocab_size}; they are not of the same model`;
  return undefined;
}

/**
 * @param stem of the tokenizer, as the modalities name it
 * @returns what is wrong where a modality that the tokenizer encodes has another number of tokens, else
 *   undefined
 */
export function codebookProblem(
  stem: string,
  { codebook_size }: Pick<QuantizingConfig, 'codebook_size'>,
  modalities: Readonly<Record<string, ModalityInfo>>,
): string | undefined {
  for (const [name, { type, tokenizer, vocab_size }] of Object.entries(modalities))
    if (type === 'img' && tokenizer === stem && vocab_size && vocab_size !== codebook_size)
      return `the codebook of ${stem} has ${codebook_size} entries, and the model's table for ${name} has ${vocab_size}; they are not of the same model`;
  return undefined;
}
