/** An example as a program in TypeScript, for Node: by our client where it has a method, otherwise by `fetch`. */
import { type Arguments, type ExampleRequest, fileNamed, filesIn } from './example.ts';
import { type Field, formFields } from './formFields.ts';
import { literal, type Style, variableOf } from './literal.ts';

/** A string as this house writes them. */
const text = (value: string): string => {
  const quoted = JSON.stringify(value);
  return value.includes("'") ? quoted : `'${quoted.slice(1, -1).replaceAll('\\"', '"')}'`;
};

const styleOf = (file: (variable: string) => string): Style => ({
  file: variableOf,
  own: (value) => {
    const name = fileNamed(value);
    return name === undefined ? undefined : file(variableOf(name));
  },
  text,
  name: (name) => (/^[a-z_$][\w$]*$/i.test(name) ? name : text(name)),
  padded: true,
  trailingComma: true,
});

const KEY = "process.env.FOURM_KEY ?? ''";
const IMPORT_BLOB = "import { openAsBlob } from 'node:fs';";

const namesOf = ({ body, file }: ExampleRequest): string[] =>
  file ? [file.name] : filesIn(body ?? {});

const joined = (...parts: (string | false)[][]): string =>
  parts
    .map((part) => part.filter((line) => line !== false).join('\n'))
    .filter((part) => part !== '')
    .join('\n\n');

/** By the client, which takes files as they are. */
function byClient(request: ExampleRequest, call: (given: Arguments) => string): string {
  const { origin, needsKey, body, steps, answer, file } = request;
  const style = styleOf((variable) => variable);
  const expression = call({
    path: (name) => text(steps[name] ?? ''),
    body: (field) => literal(field === undefined ? body : body?.[field], style, '', 40),
    file: variableOf(file?.name ?? 'file'),
  });
  const names = namesOf(request);
  const saveAs = typeof answer === 'object' ? answer.saveAs : undefined;
  const key = needsKey ? `, apiKey: ${KEY}` : '';
  const use =
    answer === 'events' || answer === 'text'
      ? [`for await (const item of ${expression}) console.log(item);`]
      : saveAs === undefined
        ? [`console.log(await ${expression});`]
        : [
            `const answer = await ${expression};`,
            `await writeFile(${text(saveAs)}, Buffer.from(await answer.arrayBuffer()));`,
          ];
  return joined(
    [
      names.length > 0 && IMPORT_BLOB,
      saveAs !== undefined && "import { writeFile } from 'node:fs/promises';",
      "import { createClient } from '@4m-edge/client';",
    ],
    [
      `const client = createClient({ baseUrl: ${text(origin)}${key} });`,
      ...names.map((name) => `const ${variableOf(name)} = await openAsBlob(${text(name)});`),
    ],
    use,
  );
}

const OUTPUTS = `interface Output {
  sample: number;
  tokens: number[];
  image?: string;
  text?: string;
  value?: unknown;
}
const { outputs } = (await answer.json()) as { outputs: Record<string, Output[]> };
for (const [target, samples] of Object.entries(outputs)) {
  for (const { sample, tokens, image, text, value } of samples) {
    const [, picture] = image?.split(',') ?? [];
    if (picture) await writeFile(\`\${target}-\${sample}.png\`, Buffer.from(picture, 'base64'));
    else console.log(target, value ?? text ?? tokens);
  }
}`;

/** How the answer to `fetch` is used. */
function reading({ answer }: ExampleRequest): string {
  if (answer === 'json') return 'console.log(await answer.json());';
  if (answer === 'outputs') return OUTPUTS;
  if (answer === 'text') return 'console.log(await answer.text());';
  if (answer === 'events')
    return 'for await (const part of answer.body ?? []) process.stdout.write(part);';
  return `await writeFile(${text(answer.saveAs)}, Buffer.from(await answer.arrayBuffer()));`;
}

/** A form, whose files are sent as they are. */
function formLines(fields: readonly Field[]): string[] {
  const said = ({ value, isFile }: Field): string =>
    isFile ? `await openAsBlob(${text(value)}), ${text(value)}` : text(value);
  return [
    'const form = new FormData();',
    ...fields.map((field) => `form.append(${text(field.name)}, ${said(field)});`),
  ];
}

function byFetch(request: ExampleRequest): string {
  const { origin, method, path, needsKey, headers, file, answer, onlyForm } = request;
  const form = onlyForm ? (formFields(request) ?? []) : undefined;
  const body = form ? undefined : request.body;
  const names = form ? [] : namesOf(request);
  const style = styleOf((variable) => `{ data: ${variable} }`);
  const type = file ? file.type : body && 'application/json';
  const all = Object.entries({ ...headers, ...(type && { 'Content-Type': type }) });
  const lines = [
    method !== 'GET' && `  method: ${text(method)},`,
    (needsKey || all.length > 0) &&
      `  headers: { ${[
        ...(needsKey ? [`Authorization: \`Bearer \${${KEY}}\``] : []),
        ...all.map(([name, value]) => `${style.name(name)}: ${text(value)}`),
      ].join(', ')} },`,
    file !== undefined && `  body: ${variableOf(file.name)},`,
    form !== undefined && '  body: form,',
    body !== undefined && `  body: JSON.stringify(${literal(body, style, '  ', 24)}),`,
  ].filter((line) => line !== false);
  const options = lines.length > 0 ? `, {\n${lines.join('\n')}\n}` : '';
  const isSaved = typeof answer === 'object' || answer === 'outputs';
  const imports = [
    ...(names.length > 0 && file === undefined ? ['readFile'] : []),
    ...(isSaved ? ['writeFile'] : []),
  ];
  return joined(
    [
      (file !== undefined || form !== undefined) && IMPORT_BLOB,
      imports.length > 0 && `import { ${imports.join(', ')} } from 'node:fs/promises';`,
    ],
    form ? formLines(form) : [],
    names.map((name) =>
      file === undefined
        ? `const ${variableOf(name)} = await readFile(${text(name)}, 'base64');`
        : `const ${variableOf(name)} = await openAsBlob(${text(name)});`,
    ),
    [
      `const answer = await fetch(${text(origin + path)}${options});`,
      'if (!answer.ok) throw new Error(await answer.text());',
      reading(request),
    ],
  );
}

export const typescriptSnippet = (request: ExampleRequest): string =>
  request.client ? byClient(request, request.client) : byFetch(request);
