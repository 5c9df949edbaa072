// `npm start`: builds, then runs the product in this very process, so that a signal to it reaches the
// supervisor. `--no-build` takes what is in dist/ as it is.
import './preflight.mjs';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The build under way, in a process group of its own. */
let building;
const stop = () => {
  try {
    if (building) process.kill(-building.pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
  process.exit(0);
};

function build() {
  return new Promise((resolve) => {
    building = spawn(process.execPath, [join(here, 'build.mjs'), '--start'], {
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    building.once('exit', (code) => {
      building = undefined;
      resolve(code ?? 1);
    });
  });
}

async function main() {
  for (const signal of SIGNALS) process.on(signal, stop);
  if (!process.argv.includes('--no-build')) {
    const code = await build();
    if (code !== 0) process.exit(code);
  }
  const { run } = await import('../dist/infra/start.js');
  // `run` listens for the signals from its first statement on.
  const running = run();
  for (const signal of SIGNALS) process.off(signal, stop);
  process.exit(await running);
}

main();
