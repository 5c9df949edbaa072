/** Names of classes in a file's metadata: a list in JSON, or as Python writes it. */
import { parseYaml } from './metadata.ts';

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return parseYaml(text);
  }
}

/** @returns undefined where the text is no list of texts or numbers */
export function parseLabels(text: string): string[] | undefined {
  const value = parsed(text);
  if (!Array.isArray(value)) return undefined;
  const items: readonly unknown[] = value;
  const isName = (item: unknown): item is string | number =>
    typeof item === 'string' || typeof item === 'number';
  return items.every(isName) ? items.map(String) : undefined;
}
