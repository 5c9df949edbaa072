/** What nobody asked for is not loaded: OpenTelemetry without an endpoint, prom-client without metrics. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../../infra/paths.ts';

/** Packages that a process has loaded behind some code, of those that are asked about. */
function loadedBy(code: string, env: Readonly<Record<string, string>>): string[] {
  const script = `
    import { createRequire } from 'node:module';
    const dist = ${JSON.stringify(join(repositoryRoot, 'dist'))};
    ${code}
    const files = Object.keys(createRequire(import.meta.url).cache);
    const names = ['@opentelemetry', 'prom-client', 'pino'];
    const found = names.filter((name) => files.some((file) => file.includes('/node_modules/' + name + '/')));
    console.log(JSON.stringify(found));
    process.exit(0);`;
  const given = ['--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync(process.execPath, given, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...env },
  });
  const last = stdout.trim().split('\n').at(-1) ?? '';
  assert.match(last, /^\[/, stderr);
  return JSON.parse(last) as string[];
}

const EDGE = `
  const { parseConfig } = await import(dist + '/edge/config.js');
  const { startEdge } = await import(dist + '/edge/node.js');
  await startEdge(parseConfig({ PORT: '0', FOURM_LOG_LEVEL: 'silent', ...process.env }));`;
const WORKER = `
  const { parseWorkerConfig } = await import(dist + '/worker/config.js');
  const { startWatching } = await import(dist + '/worker/watching.js');
  await import(dist + '/worker/worker.js');
  await startWatching(parseWorkerConfig({ FOURM_MODELS_DIR: '/none', FOURM_WORKER_SECRET: '0123456789abcdef', ...process.env }), () => {});`;
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };

for (const [what, code, alwaysLoaded] of [
  ['edge', EDGE, ['pino']],
  ['worker', WORKER, []],
] as const)
  test(`of an ${what} as its settings say`, () => {
    const loaded = (env: Record<string, string>) => loadedBy(code, env);
    const off = { FOURM_METRICS: 'off' };
    assert.deepEqual(loaded(off), alwaysLoaded);
    assert.deepEqual(loaded({ ...off, ...endpoint }), ['@opentelemetry', ...alwaysLoaded]);
    assert.ok(loaded({ FOURM_METRICS: 'path' }).includes('prom-client'));
  });
