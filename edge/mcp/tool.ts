/** What a tool is, and what its results and refusals look like to an agent. */
import type { Progress } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { type Failure, PROBLEMS } from '../../shared/api/problem.ts';
import type { Scope } from '../../shared/api/route.ts';
import type { CallRoute } from './call.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;
/** Argument -> what it takes. */
export type Properties = Readonly<Record<string, JsonSchema>>;
export type Arguments = Readonly<Record<string, unknown>>;

export type Content =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly data: string; readonly mimeType: string }
  | {
      readonly type: 'resource_link';
      readonly uri: string;
      readonly name: string;
      readonly mimeType: string;
      readonly size: number;
    };

export interface ToolResult {
  readonly content: readonly Content[];
  readonly structured: Readonly<Record<string, unknown>>;
}

export interface ToolContext {
  readonly models: readonly Model[];
  readonly call: CallRoute;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What a key needs for the route that does the work. */
  readonly scope: Scope;
  /** Of the loaded models; undefined where none of them can do it. */
  readonly properties: (models: readonly Model[]) => Properties | undefined;
  readonly required: readonly string[];
  readonly output: Properties;
  /** @throws FailureError as the route */
  readonly run: (given: Arguments, context: ToolContext) => Promise<ToolResult>;
}

/** Arguments that several tools have. */
export const modelProperty = (models: readonly Model[]): Properties => ({
  model: {
    type: 'string',
    enum: models.map(({ id }) => id),
    description: 'The model; the first of these when absent',
  },
});

export const SEED: Properties = {
  seed: {
    type: 'integer',
    minimum: 0,
    maximum: 2 ** 32 - 1,
    description: 'Equal calls give equal results; another seed gives others',
  },
};

/**
 * The model that a call means, and its name for the route, which refuses one that cannot do it.
 * @param able the models that can: the first of them where the call names none
 */
export function modelOf({ model: name }: Arguments, able: readonly Model[]) {
  const model = able.find(({ id }) => id === name) ?? able[0];
  return { model, named: { model: name === undefined ? model?.id : name } };
}

/** Of the arguments, those that the request of the route has under the same name. */
export const taken = (given: Arguments, names: readonly string[]): Arguments =>
  Object.fromEntries(Object.entries(given).filter(([name]) => names.includes(name)));

/** A result that is data alone: as text for agents that read nothing else. */
export const dataResult = (structured: ToolResult['structured']): ToolResult => ({
  content: [{ type: 'text', text: JSON.stringify(structured) }],
  structured,
});

/** What went wrong, in words that an agent can act on, and as the problem itself. */
export function refusedResult({ code, detail, errors, credit, retryAfterSeconds }: Failure) {
  const { retryable } = PROBLEMS[code];
  const again =
    retryAfterSeconds === undefined ? '' : ` Try again in ${retryAfterSeconds} seconds.`;
  return {
    isError: true,
    content: [{ type: 'text' as const, text: `${code}: ${detail}.${again}` }],
    _meta: { '4m-edge/problem': { code, detail, retryable, ...credit, ...(errors && { errors }) } },
  };
}
