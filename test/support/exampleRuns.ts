/** Runs the examples of the documentation as a reader would, one language after the other. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { operatedBy } from '../../edge/docs/operation.ts';
import { EXAMPLES } from '../../edge/examples/examples.ts';
import { EXAMPLE_ORIGIN, LANGUAGES, requestOf } from '../../edge/examples/snippets.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import type { Prepared } from './examplePlaces.ts';
import { typeFaults } from './strangers.ts';

type Language = (typeof LANGUAGES)[number]['name'];
type Id = keyof typeof ROUTES;

export interface Snippet {
  /** `generate-0` */
  readonly name: string;
  readonly code: string;
}

/** What is made before it is looked at, and what ends something: the others stand between. */
const FIRST: readonly Id[] = ['createCollection', 'addItems', 'fitHead'];
const LAST: readonly Id[] = [
  ...(['deleteItem', 'deleteCollection', 'deleteHead', 'deleteUpload'] as const),
  ...(['deleteResult', 'cancelJob', 'cancelBatch'] as const),
];

/** What a server that charges nothing does not have; `test/edge/` asks for it where keys are charged. */
const ABSENT: readonly Id[] = ['usage'];

const inOrder = (): Id[] => {
  const others = (Object.keys(ROUTES) as Id[]).filter(
    (id) => !FIRST.includes(id) && !LAST.includes(id) && !ABSENT.includes(id),
  );
  return [...FIRST, ...others, ...LAST];
};

/** Every example in a language, asking a server, with what a reader puts in for the names in capitals. */
export function snippetsIn(language: Language, url: string, { placesOf }: Prepared): Snippet[] {
  const { write } = LANGUAGES.find(({ name }) => name === language) ?? LANGUAGES[0];
  return inOrder().flatMap((id) =>
    EXAMPLES[id].map((example, i) => {
      const request = requestOf(operatedBy(ROUTES[id]), example);
      const code = Object.entries(placesOf(id)).reduce(
        (text, [name, value]) => text.replaceAll(name, value),
        write(request).replaceAll(EXAMPLE_ORIGIN, url),
      );
      return { name: `${id}-${i}`, code };
    }),
  );
}

const run = promisify(execFile);

/** What went wrong, by example; empty when nothing did. */
export type Faults = Readonly<Record<string, string>>;

export async function runCurl(folder: string, snippets: readonly Snippet[]): Promise<Faults> {
  const faults: Record<string, string> = {};
  for (const { name, code } of snippets) {
    await run('bash', ['-e', '-c', code], { cwd: folder, maxBuffer: 1 << 26 }).catch(
      ({ stdout, stderr }: { stdout: string; stderr: string }) => {
        faults[name] = `${stderr}${stdout.slice(0, 500)}\n${code}`;
      },
    );
  }
  return faults;
}

const faultsFile = 'faults.json';
const readFaults = async (folder: string): Promise<Faults> =>
  JSON.parse(await readFile(join(folder, faultsFile), 'utf8')) as Faults;

/** @param folder has the client's package */
export async function runTypeScript(folder: string, snippets: readonly Snippet[]): Promise<Faults> {
  const place = join(folder, 'examples-ts');
  await mkdir(place, { recursive: true });
  for (const { name, code } of snippets) {
    await writeFile(join(place, `${name}.ts`), code);
    const { code: compiled } = await transform(code, { loader: 'ts', format: 'esm' });
    await writeFile(join(place, `${name}.mjs`), compiled);
  }
  const wrong = await typeFaults(folder, ['examples-ts/*.ts'], {
    types: ['node'],
    typeRoots: [join(repositoryRoot, 'node_modules/@types')],
    lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'],
    skipLibCheck: true,
  });
  if (wrong !== '') return { types: wrong };
  const program = `
import { writeFileSync } from 'node:fs';
console.log = () => {};
process.stdout.write = () => true;
const faults = {};
for (const name of ${JSON.stringify(snippets.map(({ name }) => name))}) {
  try {
    await import('./examples-ts/' + name + '.mjs');
  } catch (error) {
    faults[name] = String(error.stack ?? error);
  }
}
writeFileSync('${faultsFile}', JSON.stringify(faults));
process.exit(0);
`;
  await writeFile(join(folder, 'run-examples.mjs'), program);
  await run(process.execPath, ['run-examples.mjs'], { cwd: folder });
  return await readFaults(folder);
}

export const pythonMissing = (): string | undefined =>
  spawnSync('python3', ['--version']).status === 0 ? undefined : 'python3, which users do not need';

export async function runPython(folder: string, snippets: readonly Snippet[]): Promise<Faults> {
  const place = join(folder, 'examples-py');
  await mkdir(place, { recursive: true });
  for (const { name, code } of snippets) await writeFile(join(place, `${name}.py`), code);
  const program = `
import contextlib, io, json, runpy
faults = {}
for name in ${JSON.stringify(snippets.map(({ name }) => name))}:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path("examples-py/" + name + ".py")
    except Exception as error:
        body = error.read().decode() if hasattr(error, "read") else ""
        faults[name] = repr(error) + body
json.dump(faults, open("${faultsFile}", "w"))
`;
  await writeFile(join(folder, 'run_examples.py'), program);
  await run('python3', ['run_examples.py'], { cwd: folder });
  return await readFaults(folder);
}
