/** An example as a program in Python 3, which needs nothing but its standard library. */
import { type ExampleRequest, fileNamed, filesIn } from './example.ts';
import { type Field, formFields } from './formFields.ts';
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
  file: (name) => `base64_of(${text(name)})`,
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

/** A form: its parts by hand, since the standard library writes none. */
function formLines(fields: readonly Field[]): string[] {
  const pairs = (isFile: boolean): string =>
    fields
      .filter((field) => field.isFile === isFile)
      .map(({ name, value }) => `(${text(name)}, ${text(value)})`)
      .join(', ');
  const head = 'Content-Disposition: form-data; name="{name}"';
  return [
    'boundary = uuid.uuid4().hex',
    'body = b""',
    `for name, value in [${pairs(false)}]:`,
    `    body += f'--{boundary}\\r\\n${head}\\r\\n\\r\\n{value}\\r\\n'.encode()`,
    `for name, file in [${pairs(true)}]:`,
    `    body += f'--{boundary}\\r\\n${head}; filename="{file}"\\r\\n\\r\\n'.encode()`,
    '    body += open(file, "rb").read() + b"\\r\\n"',
    'body += f"--{boundary}--\\r\\n".encode()',
  ];
}

/** Steps of four spaces, as Python has them. */
const indented = (code: string): string => code.replaceAll(/^ +/gm, (spaces) => spaces.repeat(2));

const OUTPUTS = [
  '    for target, outputs in json.load(answer)["outputs"].items():',
  '        for output in outputs:',
  '            if "image" in output:',
  '                with open(f"{target}-{output[\'sample\']}.png", "wb") as file:',
  '                    file.write(base64.b64decode(output["image"].split(",")[1]))',
  '            else:',
  '                print(target, output.get("value", output.get("text", output["tokens"])))',
];

function reading({ answer }: ExampleRequest): string[] {
  if (answer === 'json') return ['    print(json.load(answer))'];
  if (answer === 'outputs') return OUTPUTS;
  if (answer === 'text') return ['    print(answer.read().decode())'];
  if (answer === 'events')
    return ['    for line in answer:', '        print(line.decode(), end="")'];
  return [
    `    with open(${text(answer.saveAs)}, "wb") as file:`,
    '        file.write(answer.read())',
  ];
}

export function pythonSnippet(request: ExampleRequest): string {
  const { origin, method, path, needsKey, headers, file, answer, onlyForm } = request;
  const form = onlyForm ? (formFields(request) ?? []) : undefined;
  const body = form ? undefined : request.body;
  const hasFiles = filesIn(body ?? {}).length > 0;
  const type = file ? file.type : body && 'application/json';
  const all = [
    ...(needsKey ? ['"Authorization": "Bearer " + os.environ.get("FOURM_KEY", "")'] : []),
    ...Object.entries({ ...headers, ...(type && { 'Content-Type': type }) }).map(
      ([name, value]) => `${text(name)}: ${text(value)}`,
    ),
    ...(form ? ['"Content-Type": "multipart/form-data; boundary=" + boundary'] : []),
  ];
  const modules = [
    ...(hasFiles || answer === 'outputs' ? ['base64'] : []),
    ...(body !== undefined || answer === 'json' || answer === 'outputs' ? ['json'] : []),
    ...(needsKey ? ['os'] : []),
    'urllib.request',
    ...(form ? ['uuid'] : []),
  ];
  return [
    ...modules.map((name) => `import ${name}`),
    ...(hasFiles ? READ : []),
    '',
    ...(form ? [...formLines(form), ''] : []),
    'request = urllib.request.Request(',
    `    ${text(origin + path)},`,
    `    method=${text(method)},`,
    ...(all.length > 0
      ? ['    headers={', ...all.map((line) => `        ${line},`), '    },']
      : []),
    ...(file ? [`    data=open(${text(file.name)}, "rb").read(),`] : []),
    ...(form ? ['    data=body,'] : []),
    ...(body === undefined
      ? []
      : [`    data=json.dumps(${indented(literal(body, STYLE, '  ', 24))}).encode(),`]),
    ')',
    'with urllib.request.urlopen(request) as answer:',
    ...reading(request),
  ].join('\n');
}
