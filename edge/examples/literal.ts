/** Values as code of a language: on one line where they fit, otherwise broken as formatters do. */
import { fileOfField } from './example.ts';

export interface Style {
  /** What is written in place of a value; undefined to write it as usual. */
  readonly own: (value: unknown) => string | undefined;
  readonly text: (text: string) => string;
  /** The bytes of a file, where more is said of it. */
  readonly file?: (name: string) => string;
  readonly name: (name: string) => string;
  /** `{ a: 1 }` rather than `{"a": 1}`. */
  readonly padded: boolean;
  /** Whether the last of several lines has a comma as well. */
  readonly trailingComma: boolean;
}

const WIDTH = 88;

/**
 * @param indent of the line that the value begins in
 * @param used characters before it in that line
 */
export function literal(value: unknown, style: Style, indent = '', used = indent.length): string {
  const own = style.own(value);
  if (own !== undefined) return own;
  if (typeof value === 'string') return style.text(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  const before = (key: string): string => (isList ? '' : `${style.name(key)}: `);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  if (entries.length === 0) return `${open}${close}`;
  const write = (key: string, item: unknown, within: string, start: number): string => {
    const name = isList ? undefined : fileOfField(key, item);
    return name !== undefined && style.file
      ? style.file(name)
      : literal(item, style, within, start);
  };
  const line = entries
    .map(([key, item]) => before(key) + write(key, item, indent, indent.length))
    .join(', ');
  const short = style.padded && !isList ? `${open} ${line} ${close}` : `${open}${line}${close}`;
  if (!short.includes('\n') && used + short.length <= WIDTH) return short;
  const inner = `${indent}  `;
  const lines = entries.map(([key, item]) => {
    const start = inner + before(key);
    return start + write(key, item, inner, start.length);
  });
  return `${open}\n${lines.join(',\n')}${style.trailingComma ? ',' : ''}\n${indent}${close}`;
}

/** A name for what a file holds: `my scene.png` -> `my_scene`. */
export function variableOf(file: string): string {
  const stem = file.replace(/\.\w+$/, '').replaceAll(/\W+/g, '_');
  return /^[a-z_]/i.test(stem) ? stem : `file_${stem}`;
}
