/**
 * Models of the Hugging Face hub: pulled and exported once, at the start, into the local cache. Both is the
 * work of a process of its own, `models:pull`, which checks every file against the digest that the hub
 * lists, goes on where an earlier one ended, and leaves its memory when it ends.
 */
import { spawn } from 'node:child_process';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HubModel } from '../hubConfig.ts';
import type { Log } from '../log.ts';
import { folderSource, type OpenOptions } from '../registry/folderSource.ts';
import type { Fault, OfferSource } from '../registry/offer.ts';
import { RemoteModelError } from './errors.ts';

export interface HubOptions extends OpenOptions {
  readonly cache: string;
  readonly log: Log;
  /** Of the process that pulls: `HF_TOKEN`, `HF_ENDPOINT` and what it needs to run. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The id that a model is served by, and its folder's name. */
export const hubModelId = ({ name, precision }: HubModel): string => {
  const short = name.split('/').at(-1) ?? name;
  return precision === 'fp32' ? short : `${short}-${precision}`;
};

const PROGRAM = fileURLToPath(new URL('../hub/cli.js', import.meta.url));
/** What is kept of a process's last words. */
const WORDS = 2_000;

/** @throws RemoteModelError with the process's own words; the signal's reason */
async function run(
  args: readonly string[],
  environment: HubOptions['environment'],
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (data: Buffer) => {
    words = (words + String(data)).slice(-WORDS);
  });
  const end = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', end, { once: true });
  try {
    const code = await new Promise<number | string | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, killedBy) => resolve(status ?? killedBy));
    });
    signal.throwIfAborted();
    if (code !== 0) throw new RemoteModelError(`models:pull ended with ${code}: ${words.trim()}`);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

const isSet = (folder: string): Promise<boolean> =>
  stat(join(folder, 'set.json')).then(
    () => true,
    () => false,
  );

export function hubSource(models: readonly HubModel[], options: HubOptions): OfferSource {
  const { cache, log, environment } = options;
  const folder = join(cache, 'hub');
  const served = folderSource(folder, options, models.map(hubModelId));
  let isPulled = false;

  async function pull(model: HubModel, signal: AbortSignal): Promise<void> {
    const id = hubModelId(model);
    const out = join(folder, id);
    if (await isSet(out)) return;
    const started = performance.now();
    const message = `the model ${id} is fetched from the hub and exported`;
    log({ event: 'pulling', message, model: id });
    const checkpoints = join(cache, 'checkpoints', model.name.replace('/', '--'));
    const what = model.name.includes('/') ? model.name : `--all-${model.name}`;
    const how = ['--export', out, '--precision', model.precision, '--name', id];
    await run([what, '--out', checkpoints, ...how], environment, signal);
    if (!(await isSet(out)))
      throw new RemoteModelError(`${model.name}: has no text tokenizer, so it cannot be served`);
    log({ event: 'pulled', model: id, milliseconds: Math.round(performance.now() - started) });
  }

  return {
    emptiness: 'FOURM_MODELS_HUB: none of its models is a set',
    async list(signal) {
      const faults: Fault[] = [];
      if (!isPulled) {
        await mkdir(folder, { recursive: true });
        for (const model of models) {
          try {
            await pull(model, signal);
          } catch (error) {
            if (signal.aborted) throw error;
            faults.push({ origin: `the hub, ${model.name}`, error });
          }
        }
        isPulled = faults.length === 0;
      }
      const { offers, faults: others } = await served.list(signal);
      return { offers, faults: [...faults, ...others] };
    },
  };
}
