/** The curl command that does what the page just did. */
import type { TargetSettings } from '../../shared/api/generate.ts';

export type CurlInput =
  /** The value of a `file` is its name. */
  | { readonly name: string; readonly kind: 'file' | 'text'; readonly value: string }
  | { readonly name: string; readonly kind: 'tokens'; readonly value: readonly number[] };

export interface CurlRequest {
  readonly origin: string;
  /** Absent where only one model is served. */
  readonly model?: string;
  readonly inputs: readonly CurlInput[];
  readonly targets: readonly TargetSettings[];
  readonly chained: boolean;
  readonly numSamples: number;
  readonly seed?: number | 'random';
  /** Set when the only target is a picture: the answer is then the PNG itself. */
  readonly pictureOf?: string;
}

/** Quoted for a POSIX shell where that is needed. */
const quote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** curl itself splits file names at `;` and `,` and ends them at `"`, unless they are quoted. */
const fileName = (name: string): string =>
  /^[\w./ -]+$/.test(name) ? name : `"${name.replace(/(["\\])/g, '\\$1')}"`;

/** One line each for the address, the inputs and the options, joined by backslashes. */
export function curlCommand(request: CurlRequest): string {
  // Form fields are files and text; the field `request` carries what only JSON can say.
  const tokens = request.inputs.flatMap(({ name, kind, value }) =>
    kind === 'tokens' ? [[name, { tokens: value }] as const] : [],
  );
  const inputs = [
    ...request.inputs.flatMap(({ name, kind, value }) => {
      if (kind === 'file') return [`-F ${quote(`${name}=@${fileName(value)}`)}`];
      // Unlike -F, --form-string does not read a file when the text begins with @ or <.
      return kind === 'text' ? [`--form-string ${quote(`${name}=${value}`)}`] : [];
    }),
    ...(tokens.length > 0
      ? [
          `--form-string ${quote(`request=${JSON.stringify({ inputs: Object.fromEntries(tokens) })}`)}`,
        ]
      : []),
  ];
  const plain = request.targets.every((target) => Object.keys(target).length === 1);
  const targets = plain
    ? `-F targets=${request.targets.map(({ modality }) => modality).join(',')}`
    : `--form-string ${quote(`targets=${JSON.stringify(request.targets)}`)}`;
  const options = [
    ...(request.model === undefined ? [] : [`-F ${quote(`model=${request.model}`)}`]),
    ...(request.chained ? [] : ['-F chained=false']),
    ...(request.numSamples === 1 ? [] : [`-F num_samples=${request.numSamples}`]),
    ...(request.seed === undefined ? [] : [`-F seed=${request.seed}`]),
    ...(request.pictureOf === undefined
      ? []
      : ['--fail-with-body', "-H 'Accept: image/png'", `-o ${quote(`${request.pictureOf}.png`)}`]),
  ];
  return [`curl ${request.origin}/v1/generate`, ...inputs, targets, ...options].join(' \\\n  ');
}
