/** Settings of the models that come from the Hugging Face hub. */
import * as z from 'zod';
import { PRECISIONS, type Precision } from '../shared/model/precisions.ts';

/** A model of the hub: a name that `models:pull` knows, such as `4m21-b`, or a repository, `OWNER/NAME`. */
export interface HubModel {
  readonly name: string;
  readonly precision: Precision;
}

/** @returns undefined for what is no name, or names no precision */
function parseModel(text: string): HubModel | undefined {
  const [, name, suffix = 'fp32'] = /^(\w[\w.-]*(?:\/\w[\w.-]*)?)(?::(\w+))?$/.exec(text) ?? [];
  const precision = PRECISIONS.find((one) => one === suffix);
  return name === undefined || precision === undefined ? undefined : { name, precision };
}

/** The list of them, of which none is said twice. */
export const hubModels = z
  .string()
  .default('')
  .transform((text, context): HubModel[] => {
    const names = text.split(',').map((name) => name.trim());
    const models = [...new Set(names)].filter((name) => name !== '').map(parseModel);
    if (models.includes(undefined)) {
      const message = `has to be names as 4m21-b or OWNER/NAME, each with one of :${PRECISIONS.join(', :')} or nothing behind`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
    return models.filter((model) => model !== undefined);
  });

/** What a process needs to reach the hub. */
const PASSED = [
  ...['PATH', 'HOME', 'TMPDIR', 'HF_TOKEN', 'HF_ENDPOINT', 'FOURM_TEXT_TOKENIZER'],
  ...['NODE_EXTRA_CA_CERTS', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'],
];

export const hubEnvironment = (
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> =>
  Object.fromEntries(
    PASSED.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
