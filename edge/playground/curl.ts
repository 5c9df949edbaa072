/** The curl command of a request. */
import { arePlain, bodyOf, FileBytes, type SnippetRequest } from './snippet.ts';

/** Quoted for a POSIX shell where that is needed. */
export const quote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** curl itself splits file names at `;` and `,` and ends them at `"`, unless they are quoted. */
const fileName = (name: string): string =>
  /^[\w./ -]+$/.test(name) ? name : `"${name.replace(/(["\\])/g, '\\$1')}"`;

const KEY = '-H "Authorization: Bearer $FOURM_KEY"';

/** One line each for the address, the inputs and the options, joined by backslashes. */
export function curlCommand(request: SnippetRequest): string {
  const hides = request.inputs.some((input) => input.kind === 'file' && input.hide !== undefined);
  return hides ? asJson(request) : asForm(request);
}

const answerOptions = ({ hasKey, pictureOf }: SnippetRequest): string[] => [
  ...(hasKey ? [KEY] : []),
  ...(pictureOf === undefined
    ? []
    : ['--fail-with-body', "-H 'Accept: image/png'", `-o ${quote(`${pictureOf}.png`)}`]),
];

function asForm(request: SnippetRequest): string {
  // Form fields are files and text; the field `request` carries what only JSON can say.
  const json = request.inputs.flatMap((input) =>
    input.kind === 'json' ? [[input.name, input.value] as const] : [],
  );
  const inputs = [
    ...request.inputs.flatMap((input) => {
      if (input.kind === 'file') return [`-F ${quote(`${input.name}=@${fileName(input.path)}`)}`];
      // Unlike -F, --form-string does not read a file when the text begins with @ or <.
      return input.kind === 'text' ? [`--form-string ${quote(`${input.name}=${input.text}`)}`] : [];
    }),
    ...(json.length > 0
      ? [
          `--form-string ${quote(`request=${JSON.stringify({ inputs: Object.fromEntries(json) })}`)}`,
        ]
      : []),
  ];
  const { targets } = request;
  const asked = arePlain(targets)
    ? `-F targets=${targets.map(({ modality }) => modality).join(',')}`
    : `--form-string ${quote(`targets=${JSON.stringify(targets)}`)}`;
  const options = [
    ...(request.model === undefined ? [] : [`-F ${quote(`model=${request.model}`)}`]),
    ...(request.preset === undefined ? [] : [`-F preset=${request.preset}`]),
    ...(request.chained ? [] : ['-F chained=false']),
    ...(request.numSamples === 1 ? [] : [`-F num_samples=${request.numSamples}`]),
    ...(request.seed === undefined ? [] : [`-F seed=${request.seed}`]),
    ...(request.keep ? ['-F keep=true'] : []),
    ...(request.tokensOnly ? ['-F outputs=tokens'] : []),
    ...answerOptions(request),
  ];
  return [
    `curl ${request.origin}/v1/generate`,
    ...inputs,
    ...(targets.length > 0 ? [asked] : []),
    ...options,
  ].join(' \\\n  ');
}

/** Without its backslash, dollar and backquote, a here-document is text; the bytes of files are put in by the shell. */
function asJson(request: SnippetRequest): string {
  const files = new Map<string, string>();
  const text = JSON.stringify(bodyOf(request), (_, value: unknown) => {
    if (!(value instanceof FileBytes)) return value;
    const mark = `\u0001${files.size}\u0001`;
    files.set(JSON.stringify(mark).slice(1, -1), value.path);
    return mark;
  });
  const escaped = text.replace(/[\\$`]/g, '\\$&');
  const filled = [...files].reduce(
    (body, [mark, path]) =>
      body.replace(
        mark.replace(/[\\$`]/g, '\\$&'),
        () => `$(base64 < ${quote(path)} | tr -d '\\n')`,
      ),
    escaped,
  );
  const parts = [
    `curl ${request.origin}/v1/generate`,
    "-H 'Content-Type: application/json'",
    ...answerOptions(request),
    '-d @- <<END',
  ];
  return `${parts.join(' \\\n  ')}\n${filled}\nEND`;
}
