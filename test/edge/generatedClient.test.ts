/** A client that the usual tools generate from the OpenAPI document: it compiles, and it works. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseConfig } from '../../edge/config.ts';
import { type RunningEdge, startEdge } from '../../edge/node.ts';
import { openApiDocument } from '../../edge/openapi.ts';
import { type FakeWorker, PNG_URL, SECRET, startFakeWorker } from '../support/fakeWorker.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const home = join(root, 'tools/generated-client');
const generator = join(home, 'node_modules/openapi-typescript/bin/cli.js');
const compiler = join(root, 'node_modules/typescript/bin/tsc');
const skip = !existsSync(generator) && !process.env.CI && 'run npm ci for the generator';

/** What a program of a caller looks like; `@ts-expect-error` fails where the line does compile. */
const PROGRAM = `
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

const json = createClient<paths, 'application/json'>({ baseUrl: process.argv[2] as string });
const rgb = process.argv[3] as string;

const { data } = await json.POST('/v1/generate', { body: { inputs: { rgb }, targets: ['depth'] } });
// A job is answered to whoever asks for one with Prefer, and to nobody else; its description tells them apart.
if (!data || 'task' in data) throw new Error('no result');
const outputs: Record<string, components['schemas']['Output'][]> = data.outputs;
const tokens: number[] | undefined = outputs.depth?.[0]?.tokens;
const image: string | undefined = data.outputs['depth']?.[0]?.image;
if (data.dry_run) throw new Error('ran dry');
const milliseconds: number = data.usage.milliseconds;
// @ts-expect-error: an output has no such field
outputs.depth?.[0]?.picture;
// @ts-expect-error: tokens are numbers
const texts: string[] = outputs.depth?.[0]?.tokens ?? [];

// @ts-expect-error: the field is called inputs
void (() => json.POST('/v1/generate', { body: { input: { rgb }, targets: ['depth'] } }));
// @ts-expect-error: a seed is a number or random
void (() => json.POST('/v1/generate', { body: { inputs: { rgb }, targets: ['depth'], seed: 'x' } }));
// @ts-expect-error: there is no such scheme
void (() => json.POST('/v1/generate', { body: { inputs: { rgb }, targets: [{ modality: 'depth', scheme: 'x' }] } }));

const dry = await json.POST('/v1/generate', {
  body: { inputs: { rgb }, targets: [{ modality: 'depth', steps: 4, scheme: 'maskgit' }], dry_run: true },
});
if (!dry.data || 'task' in dry.data || !dry.data.dry_run) throw new Error('did not run dry');
const [planned] = dry.data.plan;
const scheme: 'maskgit' | 'roar' | 'autoregressive' | undefined = planned?.scheme;

// Without a choice of media type the bytes of an answer count as well.
const any = createClient<paths>({ baseUrl: process.argv[2] as string });
const answer = await any.POST('/v1/tokenize', { body: { inputs: { rgb } } });
const ids: (number | null)[] | undefined = answer.data?.inputs['rgb']?.tokens;
const models = await any.GET('/v1/models');
const names: string[] | undefined = models.data?.models.map(({ id }) => id);
const refused = await any.POST('/v1/generate', { body: { inputs: { nothing: 'x' }, targets: [] } });
const problem: components['schemas']['Problem'] | undefined = refused.error;
const code: string | undefined = problem?.code;

console.log(JSON.stringify({
  count: tokens?.length, image, timed: milliseconds > 0, steps: planned?.steps.length, scheme,
  ids: ids?.length, names, code, texts: texts.length,
}));
`;

let worker: FakeWorker;
let edge: RunningEdge;
before(async () => {
  worker = await startFakeWorker();
  const env = { PORT: '0', FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: SECRET };
  edge = await startEdge(parseConfig(env));
});
after(async () => {
  await edge.close();
  await worker.close();
});

/** @returns standard output; asserts that the command succeeds */
function run(script: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

test('the program of a caller compiles under strict and gets what it is typed to get', {
  skip,
}, async () => {
  // Beside the generator, so that the program finds the packages as a caller's does.
  const folder = await mkdtemp(join(home, '.generated-'));
  try {
    const document = join(folder, 'openapi.json');
    await writeFile(document, JSON.stringify(openApiDocument()));
    run(generator, [document, '-o', join(folder, 'api.ts')], folder);
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, 'program.ts'), PROGRAM);
    const options = {
      compilerOptions: {
        strict: true,
        noUncheckedIndexedAccess: true,
        target: 'ES2022',
        module: 'NodeNext',
        types: ['node'],
        outDir: 'out',
        rootDir: '.',
      },
      files: ['program.ts'],
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options));
    run(compiler, ['-p', folder], folder);
    // Not waited for by blocking: the edge in this process has to answer.
    const program = join(folder, 'out/program.js');
    const url = `http://127.0.0.1:${edge.port}`;
    const { stdout } = await promisify(execFile)(process.execPath, [program, url, PNG_URL]);
    assert.deepEqual(JSON.parse(stdout), {
      count: 16,
      image: PNG_URL,
      timed: true,
      steps: 4,
      scheme: 'maskgit',
      ids: 16,
      names: ['fake'],
      code: 'invalid_request',
      texts: 16,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
