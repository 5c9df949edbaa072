/** Requests of the evaluation to a running server, and its answers as arrays. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type {
  GenerateRequestBody,
  GenerateResponse,
  Output,
} from '../../../shared/api/generate.ts';
import { type Client, ProblemError } from '../../../shared/client/index.ts';
import { RESOLUTION } from '../scene/world.ts';
import type { LabelledBox } from './metrics.ts';
import { encodeRgb, toDataUrl } from './pictures.ts';

/** Asks for targets and returns the one output of each. */
export type Ask = (
  inputs: GenerateRequestBody['inputs'],
  targets: NonNullable<GenerateRequestBody['targets']>,
  further?: Partial<GenerateRequestBody>,
) => Promise<(target: string) => Output>;

type Outputs = GenerateResponse['outputs'];

/** A busy machine may not answer in time: such a request is made again, a few times. */
const TRIES = 6;
const PAUSE_MS = 5000;

/** What a request is answered, asked again where it may succeed later. */
export async function repeated<T>(ask: () => Promise<T>, left = TRIES): Promise<T> {
  try {
    return await ask();
  } catch (failure) {
    const mayRepeat = failure instanceof ProblemError && failure.problem.retryable;
    if (!mayRepeat || left <= 1) throw failure;
    await sleep(PAUSE_MS);
    return await repeated(ask, left - 1);
  }
}

export const createAsk = (client: Client): Ask => {
  const generate = async (request: GenerateRequestBody): Promise<Outputs> =>
    (await repeated(() => client.generate(request))).outputs;
  return async (inputs, targets, further = {}) => {
    const outputs = await generate({ inputs, targets, ...further });
    return (target) => {
      const [output] = outputs[target] ?? [];
      if (!output) throw new Error(`the server answered no ${target}`);
      return output;
    };
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
export const boxesOf = (output: Output): LabelledBox[] =>
  z
    .array(box)
    .parse(output.value)
    .map((b) => ({ box: [b.xmin, b.ymin, b.xmax, b.ymax], label: b.class }));

export const rgbUrl = async (pixels: Uint8Array): Promise<string> =>
  toDataUrl(await encodeRgb(pixels, RESOLUTION));
