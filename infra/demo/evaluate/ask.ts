/** Requests of the evaluation to a running server, and its answers as arrays. */
import * as z from 'zod';
import type { GenerateRequestBody, Output } from '../../../shared/api/generate.ts';
import type { Client } from '../../../shared/client/index.ts';
import { RESOLUTION } from '../scene/world.ts';
import type { LabelledBox } from './metrics.ts';
import { encodeRgb, toDataUrl } from './pictures.ts';

/** Asks for targets and returns the one output of each. */
export type Ask = (
  inputs: GenerateRequestBody['inputs'],
  targets: NonNullable<GenerateRequestBody['targets']>,
  further?: Partial<GenerateRequestBody>,
) => Promise<(target: string) => Output>;

export const createAsk =
  (client: Client): Ask =>
  async (inputs, targets, further = {}) => {
    const { outputs } = await client.generate({ inputs, targets, ...further });
    return (target) => {
      const [output] = outputs[target] ?? [];
      if (!output) throw new Error(`the server answered no ${target}`);
      return output;
    };
  };

const text = z.string();
const box = z.object({
  xmin: z.number(),
  ymin: z.number(),
  xmax: z.number(),
  ymax: z.number(),
  class: z.string(),
});

/** @throws ZodError when the output has no picture */
export const imageOf = (output: Output): string => text.parse(output.image);
/** The exact values. @throws ZodError when there are none */
export const dataOf = (output: Output): string => text.parse(output.data);
/** Empty where the model ended at once. */
export const textOf = (output: Output): string => output.text ?? '';
export const vectorOf = (output: Output): number[] => z.array(z.number()).parse(output.value);
export const boxesOf = (output: Output): LabelledBox[] =>
  z
    .array(box)
    .parse(output.value)
    .map((b) => ({ box: [b.xmin, b.ymin, b.xmax, b.ymax], label: b.class }));

export const rgbUrl = async (pixels: Uint8Array): Promise<string> =>
  toDataUrl(await encodeRgb(pixels, RESOLUTION));
