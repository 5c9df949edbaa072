/**
 * Marks what a process writes with the process's name, so that a later one can tell what is being written
 * now from what was left behind. A process number alone would not do, as numbers are given out again.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Machine, its start, process, and the process's start. */
const MARK = /^([0-9a-f]{8})-([0-9a-f]{4})-(\d+)-([0-9a-z]+)$/;

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    // Systems other than Linux have no such files; the mark then says less.
    return '';
  }
}

const hash = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

const machine = (): string => hash(`${hostname()} ${contentOf('/etc/machine-id')}`, 8);
const machineStart = (): string => hash(contentOf('/proc/sys/kernel/random/boot_id'), 4);

/** When a process began, in clock ticks after the machine did; '0' where the system does not tell. */
function processStart(pid: number): string {
  const stat = contentOf(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets, which may hold spaces and brackets itself.
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return Number(ticks ?? 0).toString(36);
}

/** The mark of this process, fit for a file's name. */
export const ownMark = (): string =>
  `${machine()}-${machineStart()}-${process.pid}-${processStart(process.pid)}`;

/** The number of the process that a mark names. */
export const processOf = (mark: string): string => MARK.exec(mark)?.[3] ?? 'of unknown number';

/**
 * Whether it is certain that a mark's process has ended. What is no mark, or comes from another machine,
 * cannot be judged, and counts as running.
 */
export function hasEnded(mark: string): boolean {
  const [, itsMachine, itsMachineStart, itsPid, itsStart] = MARK.exec(mark) ?? [];
  if (itsMachine !== machine()) return false;
  if (itsMachineStart !== machineStart()) return true;
  const pid = Number(itsPid);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
  return processStart(pid) !== itsStart;
}
