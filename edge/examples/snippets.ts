/** An example of an operation -> the programs that a reader can paste. */
import { fillPath } from '../../shared/api/addresses.ts';
import { curlSnippet } from './curl.ts';
import type { Example, ExampleRequest } from './example.ts';
import { pythonSnippet } from './python.ts';
import { typescriptSnippet } from './typescript.ts';

/** What a snippet has to know of an operation besides its example. */
export interface Operated {
  readonly method: string;
  readonly path: string;
  readonly needsKey: boolean;
  /** Fields of its form that are lists; absent where it takes no form. */
  readonly formLists?: readonly string[];
  /** Whether nothing but that form is taken. */
  readonly onlyForm?: boolean;
}

/** Languages in the order in which they are shown; `lang` is what highlighters call them. */
export const LANGUAGES = [
  { name: 'curl', lang: 'Shell', file: 'bash', write: curlSnippet },
  { name: 'TypeScript', lang: 'TypeScript', file: 'ts', write: typescriptSnippet },
  { name: 'Python', lang: 'Python', file: 'py', write: pythonSnippet },
] as const;

/** Where examples of the document ask; the page puts its own origin in its place. */
export const EXAMPLE_ORIGIN = 'http://localhost:8787';

/** @throws Error when the example leaves a step of the path out */
export function requestOf(
  { method, path, needsKey, formLists, onlyForm }: Operated,
  example: Example,
  origin = EXAMPLE_ORIGIN,
): ExampleRequest {
  const steps = example.path ?? {};
  const query = new URLSearchParams(example.query).toString();
  return {
    origin,
    method,
    path: fillPath(path, steps) + (query && `?${query}`),
    needsKey,
    headers: example.headers ?? {},
    answer: example.answer ?? 'json',
    steps,
    ...(example.body && { body: example.body }),
    ...(formLists && { formLists }),
    ...(onlyForm && { onlyForm }),
    ...(example.file && { file: example.file }),
    ...(example.client && { client: example.client }),
  };
}
