/** An example as a command of curl, for bash. */
import { type ExampleRequest, fileNamed, filesIn } from './example.ts';
import { type Field, formFields } from './formFields.ts';
import { literal, type Style } from './literal.ts';

/** Quoted for a POSIX shell where that is needed. */
const quote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const JSON_STYLE: Style = {
  own: () => undefined,
  text: JSON.stringify,
  name: JSON.stringify,
  padded: false,
  trailingComma: false,
};

/** What a document within a command would read as its own. */
const escaped = (text: string): string => text.replaceAll(/[\\$`]/g, '\\$&');

const bytesOf = (name: string): string => `"$(base64 < ${quote(name)} | tr -d '\\n')"`;

/** curl itself splits file names at `;` and `,` and ends them at `"`, unless they are quoted. */
const fileName = (name: string): string =>
  /^[\w./ -]+$/.test(name) ? name : `"${name.replace(/(["\\])/g, '\\$1')}"`;

/** JSON within a document of the shell, in which files are read. */
const DOCUMENT: Style = {
  ...JSON_STYLE,
  own: (value) => {
    const name = fileNamed(value);
    return name === undefined ? undefined : `{"data": ${bytesOf(name)}}`;
  },
  file: (name) => bytesOf(name),
  text: (text) => escaped(JSON.stringify(text)),
  name: (name) => escaped(JSON.stringify(name)),
};

/** Unlike -F, --form-string reads no file where a text begins with @ or <. */
const fieldLine = ({ name, value, isFile }: Field): string =>
  isFile
    ? `-F ${quote(`${name}=@${fileName(value)}`)}`
    : `--form-string ${quote(`${name}=${value}`)}`;

function bodyLines(request: ExampleRequest): { lines: string[]; document?: string } {
  const { body, file } = request;
  const type = (name: string): string => `-H 'Content-Type: ${name}'`;
  if (file) return { lines: [type(file.type), `--data-binary @${quote(file.name)}`] };
  if (body === undefined) return { lines: [] };
  const fields = formFields(request);
  if (fields) return { lines: fields.map(fieldLine) };
  const lines = [type('application/json')];
  if (filesIn(body).length === 0)
    return { lines: [...lines, `-d ${quote(literal(body, JSON_STYLE))}`] };
  return {
    lines: [...lines, '-d @- <<JSON'],
    document: `\n${literal(body, DOCUMENT)}\nJSON`,
  };
}

export function curlSnippet(request: ExampleRequest): string {
  const { origin, method, path, needsKey, headers, answer } = request;
  const { lines, document = '' } = bodyLines(request);
  const isPost = lines.length > 0;
  const verb = method === (isPost ? 'POST' : 'GET') ? '' : `-X ${method} `;
  const events = answer === 'events' ? 'N' : '';
  const first = `curl -sS${events} --fail-with-body ${verb}${quote(origin + path)}`;
  const all = [
    first,
    ...(needsKey ? ['-H "Authorization: Bearer $FOURM_KEY"'] : []),
    ...Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    ...(typeof answer === 'object' ? [`-o ${quote(answer.saveAs)}`] : []),
    ...lines,
  ];
  return all.join(' \\\n  ') + document;
}
