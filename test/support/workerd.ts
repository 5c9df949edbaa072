/** The edge in workerd, as `npm run dev:edge` runs it, without anything that calls home. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

export interface RunningProcess {
  readonly url: string;
  close(): Promise<void>;
}

/** Ends a process's group with this process, also where a runner ends it since it takes too long. */
export function endsWithUs(child: ChildProcess): void {
  process.once('exit', () => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    process.kill(-child.pid, 'SIGKILL');
  });
  if (process.listenerCount('SIGTERM', leave) === 0) process.once('SIGTERM', leave);
}
/** Without it the signal ends this process before anybody is told of its exit. */
const leave = (): void => process.exit(128 + 15);

/** @throws Error with wrangler's output when it ends early or says nothing for three minutes */
export async function startWorkerd(
  vars: Readonly<Record<string, string>>,
): Promise<RunningProcess> {
  const state = await mkdtemp(join(tmpdir(), 'fourm-workerd-'));
  const variables = Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`]);
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
  const ports = ['--port', '0', '--inspector-port', '0', '--ip', '127.0.0.1'];
  const child = spawn(
    process.execPath,
    [wrangler, 'dev', ...ports, '--persist-to', state, ...variables],
    {
      cwd: root,
      // A group of its own, so that workerd itself ends with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        CI: '1',
        NO_COLOR: '1',
        WRANGLER_SEND_METRICS: 'false',
        WRANGLER_HIDE_BANNER: 'true',
        WRANGLER_LOG_PATH: join(state, 'logs'),
        CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      },
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  endsWithUs(child);
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      process.kill(-child.pid, 'SIGTERM');
      const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
    await rm(state, { recursive: true, force: true });
  };
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (): void => reject(new Error(`wrangler did not start:\n${said}`));
    const timer = setTimeout(fail, 180_000);
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      const ready = /Ready on (http:\/\/\S+)/.exec(said);
      if (!ready) return;
      clearTimeout(timer);
      resolve(ready[1]!);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void ended.then(fail);
  }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return { url, close };
}
