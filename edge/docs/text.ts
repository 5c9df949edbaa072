/** Parts of the page that every other one uses. */
import { html } from 'hono/html';

export type Html = ReturnType<typeof html>;

/** Text with `code` in backquotes. */
export const prose = (text: string): (Html | string)[] =>
  text.split('`').map((part, i) => (i % 2 === 0 ? part : html`<code>${part}</code>`));

/** One sentence, with its full stop. */
export const sentence = (text: string): (Html | string)[] =>
  prose(/[.!?]$/.test(text) ? text : `${text}.`);

export const schemaId = (name: string): string => `schema-${name}`;
export const headerId = (name: string): string => `header-${name}`;
export const problemId = (code: string): string => code;
