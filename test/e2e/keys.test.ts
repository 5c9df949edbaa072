/** Keys by command, and an edge that asks for them: real processes over one disk store. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, repositoryRoot } from '../../infra/stack.ts';
import { SECRET, startFakeWorker } from '../support/fakeWorker.ts';

const run = (script: string, args: string[], env: Record<string, string>) => {
  const child = spawn(process.execPath, [join(repositoryRoot, 'dist', script), ...args], {
    env: { ...process.env, ...env },
    // The channel ends an edge with this process.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended, printed: () => printed };
};

/** The commands of the pages about keys and money. `KEY` of a page is the one that its first command has made. */
async function askPages(
  secret: string,
  port: number,
  command: (...args: string[]) => Promise<string>,
) {
  const keys: string[] = [];
  let curl = 0;
  let made = '';
  for (const page of ['docs/keys.md', 'docs/money.md']) {
    const text = readFileSync(join(repositoryRoot, page), 'utf8');
    const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block]) => block ?? '');
    for (const written of blocks.flatMap((block) => block.trim().split('\n'))) {
      const words = written.replace(/ +#.*/, '');
      if (words.startsWith('npm run keys -- ')) {
        const args = [...words.slice(16).matchAll(/"([^"]*)"|(\S+)/g)].map(
          ([, a, b]) => a ?? b ?? '',
        );
        const own = args.map((word) => (word.startsWith('key_') ? made : word));
        const printed = await command(...own);
        if (own[0] === 'create')
          made = /\bkey_[0-9a-f]+/.exec(printed)?.[0] ?? assert.fail(printed);
        if (page === 'docs/money.md') assert.match(printed, /25/, printed);
        keys.push(own[0] ?? '');
        continue;
      }
      const here = words
        .replace('localhost:8787', `127.0.0.1:${port}`)
        .replace('curl', 'curl -sS --fail');
      // The edge asks a worker of this process, which has to be free to answer.
      const env = { ...process.env, FOURM_KEY: secret };
      const { stdout } = await promisify(execFile)('bash', ['-c', here], { env });
      assert.ok(JSON.parse(stdout).models.length > 0);
      curl++;
    }
  }
  return { keys, curl };
}

test('a key made by command opens the edge to its tenant alone, until it is revoked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-keys-'));
  const worker = await startFakeWorker();
  const port = await freePort();
  const env = { FOURM_STORE: 'disk', FOURM_STORE_DIR: folder };
  const command = async (...args: string[]) => {
    const { ended, printed } = run('infra/keys/cli.js', args, env);
    assert.equal(await ended, 0, printed());
    return printed();
  };
  const edge = run('edge/node.js', [], {
    ...env,
    PORT: String(port),
    FOURM_AUTH: 'keys',
    FOURM_KEY_TTL_SECONDS: '1',
    FOURM_WORKERS: worker.url,
    FOURM_WORKER_SECRET: SECRET,
  });
  try {
    const ask = (path: string, secret: string, init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        ...init,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
      });
    for (let tries = 0; tries < 300; tries++) {
      if (
        await ask('/healthz', '').then(
          () => true,
          () => false,
        )
      )
        break;
      await pause(100);
    }
    const [one = '', , line = ''] = (await command('create', '--tenant', 'one')).split('\n');
    const [other = ''] = (await command('create', '--tenant', 'other')).split('\n');
    const body = JSON.stringify({ inputs: { caption: 'mine' }, keep: true });
    const kept = await ask('/v1/tokenize', one, { method: 'POST', body });
    assert.equal(kept.status, 200, await kept.clone().text());
    const { inputs } = (await kept.json()) as { inputs: { caption: { ref: string } } };
    const path = `/v1/tokens/${inputs.caption.ref}`;
    assert.equal((await ask(path, one)).status, 200);
    assert.equal((await ask(path, other)).status, 404);
    assert.equal((await ask(path, `${one}x`)).status, 401);
    // Those of the pages, as they stand there, on this store and this edge.
    const asked = await askPages(other, port, command);
    assert.deepEqual(
      [asked.keys, asked.curl],
      [['create', 'list', 'rotate', 'revoke', 'limits', 'credit', 'credit'], 1],
    );
    await command('revoke', line.split(' ')[0] ?? '');
    await pause(1100);
    assert.equal((await ask(path, one)).status, 401);
    assert.equal((await ask('/v1/models', other)).status, 200);
    const listed = await command('list');
    for (const secret of [one, other])
      for (const text of [edge.printed(), listed])
        assert.ok(!text.includes(secret.slice(3, 15)), 'no part of a key is printed again');
  } finally {
    edge.child.kill('SIGTERM');
    await edge.ended;
    await worker.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test('an edge without keys does not start where others could reach it, unless it is told to', async () => {
  const { ended, printed } = run('edge/node.js', [], {
    PORT: '0',
    HOST: '0.0.0.0',
    FOURM_AUTH: 'off',
  });
  assert.equal(await ended, 1);
  assert.match(printed(), /FOURM_AUTH=keys.*FOURM_AUTH=open/);
});
