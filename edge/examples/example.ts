/** What an example of an operation asks, as data: the page, the OpenAPI document and the tests read it. */

/**
 * JSON in which `{"data": "@picture.png"}` stands for the bytes of a file: no base64 begins so. Names in capitals
 * (`JOB_ID`) are for the reader to replace.
 */
export type Body = Readonly<Record<string, unknown>>;

/** A file that an example sends; its text where it has one. */
export interface ExampleFile {
  readonly name: string;
  readonly type: string;
  readonly text?: string;
}

/** How the answer is read: JSON unless it says otherwise; of `outputs` pictures are saved, and the rest is printed. */
export type Answer = 'json' | 'text' | 'events' | 'outputs' | { readonly saveAs: string };

/** Arguments of a method of the client, as code. */
export interface Arguments {
  /** The value of a step of the path. */
  readonly path: (name: string) => string;
  /** The body, or one of its fields. */
  readonly body: (field?: string) => string;
  /** The file that is sent. */
  readonly file: string;
}

export interface Example {
  /** What it is about, where an operation has several. */
  readonly title?: string;
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** The body itself, in place of JSON. */
  readonly file?: ExampleFile;
  readonly answer?: Answer;
  /** The call of `@4m-edge/client`, where it has a method for the operation: an expression to wait for or to iterate. */
  readonly client?: (given: Arguments) => string;
}

/** An example as a request: what snippets are written of. */
export interface ExampleRequest {
  readonly origin: string;
  readonly method: string;
  /** With its steps filled in, and its query. */
  readonly path: string;
  readonly needsKey: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Whether the body can come as a form, and which of its fields are lists there. */
  readonly formLists?: readonly string[];
  /** Whether nothing but a form is taken: each field of the body is one of it. */
  readonly onlyForm?: boolean;
  readonly file?: ExampleFile;
  readonly answer: Answer;
  readonly client?: (given: Arguments) => string;
  readonly steps: Readonly<Record<string, string>>;
}

/** The file whose bytes a field stands for; undefined for every other field. */
export const fileOfField = (name: string, value: unknown): string | undefined =>
  name === 'data' && typeof value === 'string' && value.startsWith('@') && value.length > 1
    ? value.slice(1)
    : undefined;

/** The file that a value stands for, and nothing else; undefined for every other value. */
export function fileNamed(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('data' in value)) return undefined;
  const { data, ...others } = value;
  return Object.keys(others).length === 0 ? fileOfField('data', data) : undefined;
}

/** Names of all files that a value names, each once. */
export function filesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const files = Object.entries(value).flatMap(
    ([name, field]) => fileOfField(name, field) ?? filesIn(field),
  );
  return [...new Set(files)];
}
