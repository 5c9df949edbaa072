/** Who imports whom among the sources, file by file and room by room, and the circles in that. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Statements, also over several lines, and calls; not the word `from` in a text. */
const IMPORT =
  /^\s*(?:(?:import|export)\s[^'"`;]*?from\s*|import\s*)['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

/** Specifiers that a source text imports, those of types among them. */
export const specifiersOf = (text: string): string[] =>
  [...text.matchAll(IMPORT)].flatMap((match) => match[1] ?? match[2] ?? []);

/** Names -> the names that each one imports. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/**
 * Imports among files by relative paths.
 * @param files relative to `root`
 */
export function fileGraph(root: string, files: readonly string[]): Graph {
  const all = new Set(files);
  return new Map(
    files.map((file) => {
      const imported = specifiersOf(readFileSync(join(root, file), 'utf8'))
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => relative(root, resolve(root, dirname(file), specifier)));
      return [file, imported.filter((target) => all.has(target))];
    }),
  );
}

/** The room of a file: the first two folders of its path, or the file itself where it lies in the first. */
export const roomOf = (file: string): string => file.split('/').slice(0, 2).join('/');

/** Imports among rooms; what a room imports of itself is left out. */
export function roomGraph(graph: Graph): Graph {
  const rooms = new Map<string, Set<string>>();
  for (const [file, targets] of graph) {
    const room = roomOf(file);
    const imported = rooms.get(room) ?? new Set();
    for (const target of targets) if (roomOf(target) !== room) imported.add(roomOf(target));
    rooms.set(room, imported);
  }
  return new Map([...rooms].map(([room, imported]) => [room, [...imported]]));
}

/** Every set of names that reach each other (Tarjan's strongly connected components), sorted. */
export function circles(graph: Graph): string[][] {
  const numbers = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];
  const visit = (name: string): number => {
    const number = numbers.size;
    numbers.set(name, number);
    open.push(name);
    let low = number;
    for (const target of graph.get(name) ?? []) {
      if (!numbers.has(target)) low = Math.min(low, visit(target));
      else if (open.includes(target)) low = Math.min(low, numbers.get(target) ?? number);
    }
    if (low === number) {
      const members = open.splice(open.indexOf(name));
      if (members.length > 1 || graph.get(name)?.includes(name)) found.push(members.sort());
    }
    return low;
  };
  for (const name of graph.keys()) if (!numbers.has(name)) visit(name);
  return found.sort();
}
