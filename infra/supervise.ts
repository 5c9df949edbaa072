/**
 * Keeps a process alive: one that dies is started again, after a pause that grows with each quick death
 * and is spread at random, so that what it competes for has time to recover. Repeated quick deaths mean
 * that starting again does not help, and are given up on.
 */
import type { ChildProcess } from 'node:child_process';

export interface Supervision {
  /** Of the process running now. */
  readonly pid: () => number | undefined;
  /** Ends the process now, and so starts another one. */
  readonly replace: (reason: string) => void;
  /** Asks it to end, insists after a while, and starts no other. */
  readonly stop: () => Promise<void>;
}

export interface SupervisionOptions {
  readonly name: string;
  readonly start: () => ChildProcess;
  readonly log: (line: string) => void;
  /** Told of each death with its reason. */
  readonly onDeath?: (reason: string) => void;
  readonly onGivenUp: (reason: string) => void;
  /** How long it may take to end when asked to. */
  readonly stopSeconds: number;
}

/** A process that lived shorter than this died quickly. */
const QUICK_MS = 30_000;
const QUICK_DEATHS = 5;
const FIRST_PAUSE_MS = 250;

export function supervise(options: SupervisionOptions): Supervision {
  const { name, log } = options;
  let child: ChildProcess;
  let stopping = false;
  let quickDeaths = 0;
  let pause: NodeJS.Timeout | undefined;

  const onExit = (reason: string, lived: number): void => {
    if (stopping) return;
    quickDeaths = lived < QUICK_MS ? quickDeaths + 1 : 1;
    options.onDeath?.(reason);
    if (quickDeaths >= QUICK_DEATHS) {
      options.onGivenUp(`${reason} for the ${quickDeaths}th time in a row, soon after its start`);
      return;
    }
    const milliseconds = FIRST_PAUSE_MS * 2 ** quickDeaths * (0.5 + Math.random());
    log(`${reason}; it is started again in ${(milliseconds / 1000).toFixed(1)} seconds`);
    pause = setTimeout(begin, milliseconds);
  };

  function begin(): void {
    const started = performance.now();
    child = options.start();
    child.once('exit', (code, signal) =>
      onExit(
        `the ${name} process ended (${signal ?? `exit code ${code}`})`,
        performance.now() - started,
      ),
    );
  }
  begin();

  return {
    pid: () => child.pid,
    replace: (reason) => {
      if (stopping) return;
      log(`the ${name} process ${reason}, and is replaced`);
      child.kill('SIGKILL');
    },
    stop: async () => {
      stopping = true;
      clearTimeout(pause);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGTERM');
      const timer = setTimeout(() => {
        log(`the ${name} process does not end by itself, and is killed`);
        child.kill('SIGKILL');
      }, options.stopSeconds * 1000);
      await ended;
      clearTimeout(timer);
    },
  };
}
