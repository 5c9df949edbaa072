/** A request as code shows it: the bytes of pictures stay in files, and values are written as literals. */
import type { TargetSettings } from '../../shared/api/generate.ts';
import type { PresetName } from '../../shared/api/targets.ts';

export type SnippetInput = { readonly name: string } & (
  | { readonly kind: 'text'; readonly text: string }
  /** A file by its path, and what of it is hidden. */
  | { readonly kind: 'file'; readonly path: string; readonly hide?: unknown }
  /** Anything that is said in JSON: tokens, a reference, an upload. */
  | { readonly kind: 'json'; readonly value: unknown }
);

export interface SnippetRequest {
  readonly origin: string;
  /** Whether requests carry a key, which the environment holds as FOURM_KEY. */
  readonly hasKey: boolean;
  /** Absent where only one model is served. */
  readonly model?: string;
  readonly preset?: PresetName;
  readonly inputs: readonly SnippetInput[];
  readonly targets: readonly TargetSettings[];
  readonly chained: boolean;
  readonly numSamples: number;
  readonly seed?: number | 'random';
  readonly keep: boolean;
  readonly tokensOnly: boolean;
  /** Set when the only output is a picture: the answer is then the PNG itself. */
  readonly pictureOf?: string;
}

/** The bytes of a file, in base64, within a literal. */
export class FileBytes {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }
}

/** Whether targets are named and nothing is said of them. */
export const arePlain = (targets: readonly TargetSettings[]): boolean =>
  targets.every((target) => Object.keys(target).length === 1);

function inputValue(input: SnippetInput): unknown {
  if (input.kind === 'text') return input.text;
  if (input.kind === 'json') return input.value;
  const data = new FileBytes(input.path);
  return input.hide === undefined ? { data } : { data, hide: input.hide };
}

/** The body in JSON; only what differs from the defaults is said. */
export function bodyOf(request: SnippetRequest): Record<string, unknown> {
  const { model, preset, inputs, targets, seed } = request;
  return {
    ...(model !== undefined && { model }),
    inputs: Object.fromEntries(inputs.map((input) => [input.name, inputValue(input)])),
    ...(preset !== undefined && { preset }),
    ...(targets.length > 0 && {
      targets: arePlain(targets) ? targets.map(({ modality }) => modality) : targets,
    }),
    ...(!request.chained && { chained: false }),
    ...(request.numSamples !== 1 && { num_samples: request.numSamples }),
    ...(seed !== undefined && { seed }),
    ...(request.keep && { keep: true }),
    ...(request.tokensOnly && { outputs: 'tokens' }),
  };
}

/** How a language writes what JSON knows. */
export interface Notation {
  readonly key: (name: string) => string;
  readonly file: (path: string) => string;
  readonly words: Readonly<Record<'true' | 'false' | 'null', string>>;
}

/** Columns of a line at most, where it can be broken. */
const WIDTH = 84;

/** A value as a literal; what is too long for a line has a line for each part. */
export function literal(value: unknown, notation: Notation, indent = 0): string {
  if (value instanceof FileBytes) return notation.file(value.path);
  if (typeof value === 'boolean') return notation.words[`${value}`];
  if (typeof value !== 'object') return JSON.stringify(value);
  if (value === null) return notation.words.null;
  const isList = Array.isArray(value);
  const write = (at: number): string[] =>
    isList
      ? value.map((part) => literal(part, notation, at))
      : Object.entries(value).map(
          ([name, part]) => `${notation.key(name)}: ${literal(part, notation, at)}`,
        );
  const [open, close] = isList ? ['[', ']'] : ['{ ', ' }'];
  const line = `${open}${write(indent).join(', ')}${close}`;
  const isScalarList = isList && value.every((part) => typeof part !== 'object' || part === null);
  if (isScalarList || (!line.includes('\n') && line.length + indent <= WIDTH)) return line;
  const space = ' '.repeat(indent + 2);
  const parts = write(indent + 2).map((part) => `${space}${part},\n`);
  return `${open.trim()}\n${parts.join('')}${' '.repeat(indent)}${close.trim()}`;
}
