/** Processes of a fleet that are killed with -9 and started anew, as a supervisor or Kubernetes does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../infra/paths.ts';

export interface ProcessPlan {
  readonly name: string;
  /** Of `dist/`, such as `worker/main.js`. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Answers 200 when the process works. */
  readonly readyUrl: string;
  /** What its clock is ahead of this machine's, in milliseconds. */
  readonly skewMilliseconds?: number;
}

export interface FleetProcess {
  readonly name: string;
  /** Kills it with SIGKILL, and starts it anew. Resolves when the old one has gone. */
  readonly kill: () => Promise<void>;
  /** Resolves when it answers. @throws Error with its last words when it ends, or does not answer in a minute */
  readonly ready: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** The last lines of its log. */
  readonly said: () => string;
}

const KEPT_CHARACTERS = 20_000;

/** A module that sets the clock of a process before anything of it runs. */
function clockModule(milliseconds: number): string {
  const code = `
    const Real = Date;
    const ahead = ${milliseconds};
    globalThis.Date = class Date extends Real {
      constructor(...given) { given.length === 0 ? super(Real.now() + ahead) : super(...given); }
      static now() { return Real.now() + ahead; }
    };`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

export function startProcess(plan: ProcessPlan): FleetProcess {
  const { name, script, env, readyUrl, skewMilliseconds = 0 } = plan;
  let said = '';
  let ending = false;
  const keep = (text: string): void => {
    said = (said + text).slice(-KEPT_CHARACTERS);
  };

  function start(): ChildProcess {
    const clock = skewMilliseconds === 0 ? [] : ['--import', clockModule(skewMilliseconds)];
    const child = spawn(process.execPath, [...clock, join(repositoryRoot, 'dist', script)], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', keep);
    // A process that ends by itself is started anew, too.
    child.once('exit', (code) => {
      if (ending || child !== running || code === null) return;
      keep(`\n${name} ended by itself with ${code}\n`);
      void sleep(500).then(() => {
        if (!ending && child === running) running = start();
      });
    });
    return child;
  }
  let running = start();

  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  return {
    name,
    said: () => said,
    async kill() {
      await end('SIGKILL');
      running = start();
    },
    async ready() {
      for (let tries = 0; tries < 600; tries++) {
        const answer = await fetch(readyUrl).catch(() => undefined);
        await answer?.body?.cancel();
        if (answer?.ok) return;
        await sleep(100);
      }
      throw new Error(`${name} did not become ready:\n${said}`);
    },
    async stop() {
      ending = true;
      await end('SIGKILL');
    },
  };
}
