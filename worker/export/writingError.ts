/** What the system says when it cannot write, as an error about the output folder. */
import { ExportError, type ExportProblem } from './errors.ts';

const WRITING_PROBLEMS: Readonly<Record<string, readonly [ExportProblem, string]>> = {
  ENOSPC: ['disk_full', 'no space left on the disk; free some or choose a folder on another disk'],
  EDQUOT: ['disk_full', 'the disk quota is used up; free some or choose a folder on another disk'],
  EFBIG: [
    'cannot_write',
    'a file would grow past the limit of the file system or of `ulimit -f`; raise it or choose another folder',
  ],
  EROFS: ['cannot_write', 'the file system is read-only; choose another folder'],
  EACCES: ['cannot_write', 'permission denied; choose a folder that you may write to'],
  EPERM: ['cannot_write', 'not permitted; choose a folder that you may write to'],
  EIO: ['cannot_write', 'the disk failed; check it or choose a folder on another one'],
  ENOTDIR: ['cannot_write', 'a file is in the place of a folder on the way there'],
  EEXIST: ['cannot_write', 'a file is in the place of a folder on the way there'],
  ENAMETOOLONG: ['cannot_write', 'the name is too long; choose a shorter one'],
};

/** A path as the caller knows it, without the marks of folders that are being written aside. */
export const asGiven = (path: string): string =>
  path.replaceAll(/\.partial-[0-9a-f]{8}(-[0-9a-z]+)*(?=\/|$)/g, '');

/** Codes that reading a checkpoint or a config can give as well. */
const ALSO_OF_READING = ['EACCES', 'EPERM', 'EIO', 'ENOTDIR', 'ENAMETOOLONG'];
const WRITING_CALLS = ['write', 'mkdir', 'rename', 'copyfile', 'link', 'ftruncate', 'fsync'];

interface SystemError extends Error {
  readonly code: string;
  readonly syscall?: string;
  readonly path?: string;
}

const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string';

/** `ENOENT` and the like. */
export const codeOf = (error: unknown): string | undefined =>
  isSystemError(error) ? error.code : undefined;

/** The error to throw instead, or undefined where it is not about writing to the folder. */
export function writingError(folder: string, error: unknown): ExportError | undefined {
  if (!isSystemError(error)) return undefined;
  const [reason, advice] = WRITING_PROBLEMS[error.code] ?? [];
  if (!reason) return undefined;
  const { syscall = '', path = '' } = error;
  const isWriting = WRITING_CALLS.includes(syscall) || path.startsWith(`${folder}.partial-`);
  if (error.code === 'EEXIST' && syscall !== 'mkdir') return undefined;
  if (ALSO_OF_READING.includes(error.code) && !isWriting) return undefined;
  const where = asGiven(folder);
  return new ExportError(reason, `${where}: cannot be written: ${advice} (${error.message})`, {
    cause: error,
  });
}
