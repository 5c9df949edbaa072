/** What a pull tells a person: one line a file, rewritten in place on a terminal. */
import type { PullEvent, Report } from './pull.ts';

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** `1.2 GB`, in powers of 1000. */
export function readable(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit]}`;
}

export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Milliseconds between two lines about one file. */
const EVERY = { terminal: 200, log: 15_000 };

export function progressOn(terminal: Terminal, now: () => number = Date.now): Report {
  let started = 0;
  let from = 0;
  let shown = 0;
  let done = 0;
  const line = (text: string, lasting: boolean) => {
    if (terminal.isTTY) terminal.write(`\r\u001b[K${text}${lasting ? '\n' : ''}`);
    else terminal.write(`${text}\n`);
  };
  const rate = () => `${readable((done - from) / Math.max(0.001, (now() - started) / 1000))}/s`;
  return (event: PullEvent) => {
    if (event.type === 'plan') {
      const { files, bytes } = event;
      if (files > 0) line(`${files} files to fetch, ${readable(bytes)}`, true);
      return;
    }
    const { file, size } = event;
    switch (event.type) {
      case 'skipped':
        return line(`${file}  ${readable(size)}, there already`, true);
      case 'start':
        started = shown = now();
        from = done = event.from;
        if (from > 0) line(`${file}  goes on from ${readable(from)} of ${readable(size)}`, true);
        return;
      case 'bytes': {
        done = event.done;
        if (now() - shown < (terminal.isTTY ? EVERY.terminal : EVERY.log)) return;
        shown = now();
        const percent = Math.floor((100 * done) / size);
        return line(
          `${file}  ${readable(done)} of ${readable(size)} (${percent} %), ${rate()}`,
          false,
        );
      }
      case 'retry':
        return line(`${file}  ${event.problem}; again in ${event.wait / 1000} s`, true);
      case 'finished': {
        const speed = done > from ? `, ${rate()}` : '';
        done = from = 0;
        return line(`${file}  ${readable(size)}${speed}, verified`, true);
      }
    }
  };
}
