/**
 * The package's one file of types. Types that the API's schemas infer are written out, so that a caller's
 * compiler needs no zod; everything else is what the compiler has written for the client's own files.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { comment, type Schema, typeOf } from './printSchema.ts';
import { type DeclarationFile, readDeclarations, type Statement } from './statements.ts';

/** `type X = z.input<typeof xSchema>` */
const INFERRED = /^type \w+ = z\.(infer|input|output)<typeof (\w+)>;$/m;

interface Found {
  readonly text: string;
  readonly isValue: boolean;
  readonly file: string;
}

/** What may be names: words, except those of comments and of strings. */
const words = (text: string): string[] =>
  text.replace(/\/\*[\s\S]*?\*\/|'[^'\n]*'|"[^"\n]*"/g, '').match(/\b[A-Za-z_]\w*\b/g) ?? [];

/** Schemas with a name of their own, each as a type; those that read otherwise as input have another name. */
function createNamed() {
  const types = new Map<string, string>();
  const add = (schema: z.ZodType, io: 'input' | 'output'): string => {
    const {
      $schema: _,
      $defs = {},
      ...rest
    } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
    const names = new Map<string, string>();
    const nameOf = (reference: string): string => {
      const id = reference.replace('#/$defs/', '');
      return names.get(id) ?? id;
    };
    const definitions = Object.entries($defs) as [string, Schema][];
    const written = ([id, definition]: [string, Schema]): string =>
      `${comment(definition.description, '')}type ${nameOf(id)} = ${typeOf(definition, nameOf)};\n`;
    // A name that is taken by another type: until nothing changes, since one may lead to others.
    for (let changed = true; changed; ) {
      changed = false;
      for (const entry of definitions) {
        const name = nameOf(entry[0]);
        const present = types.get(name);
        if (present === undefined || present === written(entry)) continue;
        if (names.has(entry[0])) throw new Error(`${name} means two things`);
        names.set(entry[0], `${entry[0]}${io === 'input' ? 'Input' : 'Output'}`);
        changed = true;
      }
    }
    for (const entry of definitions) types.set(nameOf(entry[0]), written(entry));
    return typeOf(rest as Schema, nameOf);
  };
  return { types, add };
}

/**
 * @param entry the declaration file of the client's entry, as compiled
 * @throws Error where one name means two things, or a form is not known
 */
export async function declarationsOf(entry: string): Promise<string> {
  const files = new Map<string, DeclarationFile>();
  const read = async (path: string): Promise<DeclarationFile> => {
    const present = files.get(path) ?? readDeclarations(await readFile(path, 'utf8'));
    files.set(path, present);
    return present;
  };
  const resolve = (file: string, specifier: string): string =>
    join(dirname(file), specifier.replace(/\.ts$/, '.d.ts'));
  const named = createNamed();
  const found = new Map<string, Found>();

  const settle = async (statement: Statement, file: string): Promise<string> => {
    const [, io, schemaName] = INFERRED.exec(statement.text) ?? [];
    if (io === undefined || schemaName === undefined) return statement.text;
    const module = await import(pathToFileURL(file.replace(/\.d\.ts$/, '.js')).href);
    const schema: unknown = module[schemaName];
    if (!(schema instanceof z.ZodType)) throw new Error(`${file}: ${schemaName} is not exported`);
    const type = named.add(schema, io === 'input' ? 'input' : 'output');
    const above = statement.text.slice(0, statement.text.indexOf(`type ${statement.name}`));
    return `${above}type ${statement.name} = ${type};`;
  };

  const reach = async (name: string, file: string): Promise<void> => {
    const { statements, from } = await read(file);
    const specifier = from.get(name);
    if (specifier !== undefined) return await reach(name, resolve(file, specifier));
    const own = statements.filter((statement) => statement.name === name);
    // A global, or a word of a comment.
    if (own.length === 0) return;
    const present = found.get(name);
    if (present) {
      if (present.file !== file) throw new Error(`${name} is in ${present.file} and in ${file}`);
      return;
    }
    const isValue = own.some(({ kind }) => kind !== 'type' && kind !== 'interface');
    const texts: string[] = [];
    found.set(name, { text: '', isValue, file });
    for (const statement of own) {
      const settled = await settle(statement, file);
      texts.push(settled);
      if (settled !== statement.text) continue;
      if (words(settled).includes('z'))
        throw new Error(`${name} needs zod: ${settled.slice(0, 200)}`);
      for (const word of words(settled)) await reach(word, file);
    }
    found.set(name, { text: texts.join('\n'), isValue, file });
  };

  const { statements, exportedAgain } = await read(entry);
  const values = [...statements.map(({ name }) => name), ...exportedAgain];
  for (const name of values) await reach(name, entry);
  return assemble(found, named.types, new Set(values));
}

/** Types are all exported, so that callers can name them; of the rest what the entry exports. */
function assemble(
  found: ReadonlyMap<string, Found>,
  named: ReadonlyMap<string, string>,
  values: ReadonlySet<string>,
): string {
  const parts = new Map<string, string>();
  for (const [name, { text, isValue }] of found) {
    const exported = !isValue || values.has(name) ? 'export ' : '';
    const declare = isValue ? 'declare ' : '';
    const keyword = /^(?=(type|interface|class|function|const|abstract) )/gm;
    parts.set(name, text.replace(keyword, exported + declare));
  }
  // A schema of the same name says the same; test/e2e/clientPackage.test.ts holds every type against the API's own.
  for (const [name, text] of named) parts.set(name, text.replace(/^(?=type )/m, 'export '));
  const needed = new Set(values);
  for (const name of needed)
    for (const word of words(parts.get(name) ?? '')) if (parts.has(word)) needed.add(word);
  const texts = [...parts].flatMap(([name, text]) => (needed.has(name) ? [text.trim()] : []));
  return `${texts.join('\n\n')}\n\nexport {};\n`;
}
