/** Progress of an export on a terminal: one line that is rewritten, or one line a stage in a log. */
import type { ExportStage } from './exportCheckpoint.ts';

const WHAT: Readonly<Record<ExportStage, string>> = {
  weights: 'writing weights',
  digest: 'taking the digest',
  check: 'running the graphs',
  agreement: 'comparing with fp32',
};

interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** What is not shown: stages shorter than this are over before they could be read. */
const SHOWN_AFTER_MS = 300;

export interface ProgressReport {
  report(stage: ExportStage, fraction: number): void;
  /** Takes the line away. */
  done(): void;
}

export function reportProgress(screen: Screen): ProgressReport {
  let stage: ExportStage | undefined;
  let shown = '';
  let since = 0;
  const show = (line: string) => {
    if (line === shown) return;
    if (screen.isTTY) screen.write(`\r${line.padEnd(shown.length)}`);
    else if (line !== '') screen.write(`${line}\n`);
    shown = line;
  };
  return {
    report(next, fraction) {
      const now = performance.now();
      if (next !== stage) {
        stage = next;
        since = now;
        if (next === 'weights' || next === 'digest') return;
      }
      if (now - since < SHOWN_AFTER_MS && fraction > 0) return;
      const percent = screen.isTTY && fraction > 0 ? ` ${Math.floor(100 * fraction)} %` : '';
      show(`${WHAT[next]}${percent}`);
    },
    done() {
      if (screen.isTTY && shown !== '') screen.write(`\r${' '.repeat(shown.length)}\r`);
      shown = '';
    },
  };
}
