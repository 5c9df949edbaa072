/** An example as a program in Python 3, which needs nothing but its standard library. */
import { type ExampleRequest, fileNamed, filesIn } from './example.ts';
import { literal, type Style } from './literal.ts';

/** JSON's strings are Python's, but for halves of pairs, which no text has. */
const text = (value: string): string => JSON.stringify(value);

const STYLE: Style = {
  own: (value) => {
    const name = fileNamed(value);
    if (name !== undefined) return `{"data": base64_of(${text(name)})}`;
    if (value === null) return 'None';
    return typeof value === 'boolean' ? (value ? 'True' : 'False') : undefined;
  },
  text,
  name: text,
  padded: false,
  trailingComma: true,
};

const READ = [
  '',
  '',
  'def base64_of(name):',
  '    with open(name, "rb") as file:',
  '        return base64.b64encode(file.read()).decode()',
  '',
];

/** Steps of four spaces, as Python has them. */
const indented = (code: string): string => code.replaceAll(/^ +/gm, (spaces) => spaces.repeat(2));

function reading({ answer }: ExampleRequest): string[] {
  if (answer === 'json') return ['    print(json.load(answer))'];
  if (answer === 'text') return ['    print(answer.read().decode())'];
  if (answer === 'events')
    return ['    for line in answer:', '        print(line.decode(), end="")'];
  return [
    `    with open(${text(answer.saveAs)}, "wb") as file:`,
    '        file.write(answer.read())',
  ];
}

export function pythonSnippet(request: ExampleRequest): string {
  const { origin, method, path, needsKey, headers, body, file, answer } = request;
  const hasFiles = filesIn(body ?? {}).length > 0;
  const type = file ? file.type : body && 'application/json';
  const all = [
    ...(needsKey ? ['"Authorization": "Bearer " + os.environ.get("FOURM_KEY", "")'] : []),
    ...Object.entries({ ...headers, ...(type && { 'Content-Type': type }) }).map(
      ([name, value]) => `${text(name)}: ${text(value)}`,
    ),
  ];
  const modules = [
    ...(hasFiles ? ['base64'] : []),
    ...(body !== undefined || answer === 'json' ? ['json'] : []),
    ...(needsKey ? ['os'] : []),
    'urllib.request',
  ];
  return [
    ...modules.map((name) => `import ${name}`),
    ...(hasFiles ? READ : []),
    '',
    'request = urllib.request.Request(',
    `    ${text(origin + path)},`,
    `    method=${text(method)},`,
    ...(all.length > 0
      ? ['    headers={', ...all.map((line) => `        ${line},`), '    },']
      : []),
    ...(file ? [`    data=open(${text(file.name)}, "rb").read(),`] : []),
    ...(body === undefined
      ? []
      : [`    data=json.dumps(${indented(literal(body, STYLE, '  ', 24))}).encode(),`]),
    ')',
    'with urllib.request.urlopen(request) as answer:',
    ...reading(request),
  ].join('\n');
}
