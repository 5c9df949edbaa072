/** Files of an exported folder: none outside of it, and JSON checked against its schema. */
import { readFile, realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import type * as z from 'zod';
import { SessionError } from './types.ts';

/** @throws SessionError naming the file, and the field that does not fit */
export async function readJson<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T> {
  const file = await inside(folder, name);
  const parsed = schema.safeParse(await parsedJson(file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new SessionError(`${file}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return parsed.data;
}

/** @throws SessionError naming the file */
export async function parsedJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new SessionError(`${file}: not JSON`, { cause });
  }
}

/**
 * Absolute path of a file of the folder.
 * @throws SessionError where it is not there, or leaves the folder by `..` or by a link
 */
export async function inside(folder: string, path: string): Promise<string> {
  try {
    const home = await realpath(folder);
    const target = await realpath(join(home, path));
    const way = relative(home, target);
    if (isAbsolute(path) || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way))
      throw new SessionError(`${join(folder, path)} lies outside ${folder}`);
    return target;
  } catch (cause) {
    if (cause instanceof SessionError) throw cause;
    throw new SessionError(`${join(folder, path)}: cannot be read`, { cause });
  }
}
