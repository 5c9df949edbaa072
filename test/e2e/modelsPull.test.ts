/** Pulling checkpoints, against a stand-in of the Hugging Face hub. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { HubError, type HubProblem } from '../../worker/hub/errors.ts';
import { type PullEvent, pullRepository } from '../../worker/hub/pull.ts';
import type { Hub } from '../../worker/hub/request.ts';
import { temporaryFolder } from '../support/exported.ts';
import {
  HUB_COMMIT,
  HUB_TOKEN,
  type HubRepository,
  type HubServer,
  sha256,
  startHub,
  text,
} from '../support/hubServer.ts';

const NAME = 'EPFL-VILAB/4M-21_B';
/** Not compressible, not periodic: a byte out of place is seen. */
const noise = (size: number) => {
  const bytes = new Uint8Array(size);
  for (let i = 0, state = 1; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
};

let server: HubServer;
let folder: string;
let out: string;
let hub: Hub;
let events: PullEvent[];
const report = (event: PullEvent) => void events.push(event);
const happened = (type: PullEvent['type']) =>
  events.flatMap((event) => (event.type === type && event.type !== 'plan' ? [event.file] : []));
const pull = (name = NAME, revision = 'main') => pullRepository(hub, name, revision, out, report);
const refused = (reason: HubProblem, message: RegExp, attempt: Promise<unknown> = pull()) =>
  assert.rejects(attempt, (error) => {
    assert.ok(error instanceof HubError, String(error));
    assert.equal(error.reason, reason, error.message);
    assert.match(error.message, message);
    return true;
  });
const read = (name: string) => readFile(join(out, name));
const single = (bytes: Uint8Array): Record<string, HubRepository> => ({
  [NAME]: {
    files: {
      '.gitattributes': text('*.safetensors filter=lfs'),
      'README.md': text('# A card'),
      LICENSE: text('The terms'),
      'config.json': text('{"dim": 8}'),
      'model.safetensors': bytes,
    },
  },
});

beforeEach(async () => {
  folder = await temporaryFolder();
  out = join(folder, 'out');
  events = [];
  server = await startHub(single(noise(300_000)));
  hub = { endpoint: server.url, waits: [1, 1], patience: 120_000 };
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

describe('a repository', () => {
  test('comes with its config, card and licence, and a record of what they are', async () => {
    const { checkpoint: place } = await pull();
    assert.equal(place, join(out, 'model.safetensors'));
    assert.deepEqual((await readdir(out)).sort(), [
      '.pulled.json',
      'LICENSE',
      'README.md',
      'config.json',
      'model.safetensors',
    ]);
    assert.deepEqual(new Uint8Array(await read('model.safetensors')), noise(300_000));
    assert.equal(String(await read('LICENSE')), 'The terms');
    const { files, partial } = JSON.parse(String(await read('.pulled.json')));
    assert.deepEqual(partial, {});
    const { repository, revision, size, ...rest } = files['model.safetensors'];
    assert.deepEqual([repository, revision, size], [NAME, HUB_COMMIT, 300_000]);
    assert.equal(rest.sha256, sha256(noise(300_000)));
    assert.equal(files.LICENSE.sha256, sha256('The terms'));
    // All of one commit, though the branch was asked for.
    const asked = server.requests.filter(({ path }) => /\/(tree|resolve)\//.test(path));
    assert.ok(asked.length >= 4 && asked.every(({ path }) => path.includes(`/${HUB_COMMIT}`)));
  });

  test('is not fetched a second time, unless a file is not what it was', async () => {
    await pull();
    server.requests.length = 0;
    events = [];
    await pull();
    assert.equal(happened('skipped').length, 4);
    assert.deepEqual(
      server.requests.filter(({ path }) => !path.startsWith('/api/')),
      [],
    );
    // Same size, other contents: seen, as the file is newer than the record.
    await writeFile(join(out, 'LICENSE'), 'The germs');
    // Same contents, other time: read, found right, kept.
    await utimes(join(out, 'model.safetensors'), 1, 1);
    events = [];
    await pull();
    assert.deepEqual(happened('finished'), ['LICENSE']);
    assert.equal(String(await read('LICENSE')), 'The terms');
  });

  test('with parts comes whole, and not where a part is missing', async () => {
    const part = 'model-00001-of-00002.safetensors';
    const other = 'model-00002-of-00002.safetensors';
    const index = text(JSON.stringify({ metadata: {}, weight_map: { a: part, b: other } }));
    const files = { 'model.safetensors.index.json': index, [part]: noise(50), [other]: noise(60) };
    server.repositories[NAME] = { files };
    const pulled = await pull();
    assert.equal(pulled.checkpoint, join(out, 'model.safetensors.index.json'));
    for (const [name, bytes] of Object.entries(files))
      assert.deepEqual(new Uint8Array(await read(name)), bytes);
    delete (server.repositories[NAME].files as Record<string, Uint8Array>)[other];
    await refused('not_a_checkpoint', /names model-00002-of-00002\.safetensors, which/);
  });

  for (const xet of [false, true])
    test(`comes from ${xet ? 'newer' : 'older'} storage, and the token stays with the hub`, async () => {
      server.xet = xet;
      server.repositories[NAME] = { ...server.repositories[NAME]!, gated: true };
      hub = { ...hub, token: HUB_TOKEN };
      await pull();
      assert.deepEqual(new Uint8Array(await read('model.safetensors')), noise(300_000));
      const tokens = (of: 'hub' | 'content') =>
        new Set(server.requests.filter((r) => r.server === of).map((r) => r.authorization));
      assert.deepEqual(tokens('hub'), new Set([`Bearer ${HUB_TOKEN}`]));
      assert.deepEqual(tokens('content'), new Set([undefined]));
    });
});

describe('an interrupted file', () => {
  const ranges = () =>
    server.requests
      .filter(({ server: of, range }) => of === 'content' && range !== 'bytes=0-0')
      .map(({ range }) => range);

  const starts = (name: string) =>
    events.flatMap((event) => (event.type === 'start' && event.file === name ? [event.from] : []));

  test('goes on where it ended, in the same run, as long as it gets further', async () => {
    hub = { ...hub, waits: [1] };
    server.faults.cuts['model.safetensors'] = [100_000, 50_000];
    await pull();
    assert.deepEqual(happened('retry'), ['model.safetensors', 'model.safetensors']);
    const [none, second, third] = starts('model.safetensors');
    assert.equal(none, 0);
    assert.ok(second! > 0 && second! <= 100_000, `${second}`);
    assert.ok(third! > second! && third! <= 150_000, `${third}`);
    assert.deepEqual(ranges(), [undefined, `bytes=${second}-`, `bytes=${third}-`]);
    assert.deepEqual(new Uint8Array(await read('model.safetensors')), noise(300_000));
  });

  test('goes on where it ended, in a later run', async () => {
    hub = { ...hub, waits: [] };
    server.faults.cuts['model.safetensors'] = [100_000];
    await refused('network', /model\.safetensors: .*1 attempts; what arrived is kept in .*partial/);
    const kept = await read('model.safetensors.partial');
    assert.ok(kept.length > 0 && kept.length <= 100_000, `${kept.length}`);
    server.requests.length = 0;
    await pull();
    assert.deepEqual(ranges(), [`bytes=${kept.length}-`]);
    assert.deepEqual(new Uint8Array(await read('model.safetensors')), noise(300_000));
    assert.ok(!(await readdir(out)).includes('model.safetensors.partial'));
  });

  test('begins again where another version is there by then', async () => {
    hub = { ...hub, waits: [] };
    server.faults.cuts['model.safetensors'] = [100_000];
    await refused('network', /model\.safetensors/);
    const changed = noise(300_000).reverse();
    server.repositories[NAME] = single(changed)[NAME]!;
    server.requests.length = 0;
    await pull();
    assert.deepEqual(ranges(), [undefined]);
    assert.deepEqual(new Uint8Array(await read('model.safetensors')), changed);
  });

  test('begins again where the server ignores the range', async () => {
    server.faults.cuts['model.safetensors'] = [100_000];
    server.faults.ignoresRanges.add('model.safetensors');
    await pull();
    const [, asked, began] = starts('model.safetensors');
    assert.deepEqual([ranges(), began], [[undefined, `bytes=${asked}-`], 0]);
    assert.deepEqual(new Uint8Array(await read('model.safetensors')), noise(300_000));
  });

  test('is given up where no attempt gets further', async () => {
    server.faults.cuts['model.safetensors'] = [100_000, 0, 0, 0];
    await refused('network', /ended at byte|connection broke/);
    const { length } = await read('model.safetensors.partial');
    assert.ok(length > 0);
    assert.deepEqual(ranges(), [undefined, ...Array(2).fill(`bytes=${length}-`)]);
  });
});

describe('refused, with the reason:', () => {
  test('contents that are not as listed, of which nothing stays', async () => {
    const wrong = noise(300_000);
    wrong[200_000]! ^= 1;
    server.faults.served['model.safetensors'] = wrong;
    await refused(
      'digest',
      new RegExp(`model\\.safetensors: .*${sha256(wrong)}.*${sha256(noise(300_000))}`),
    );
    assert.deepEqual(
      (await readdir(out)).filter((name) => name.startsWith('model')),
      [],
    );
    delete server.faults.served['model.safetensors'];
    server.faults.served['config.json'] = text('{"dim": 9}');
    await rm(join(out, 'config.json'));
    await refused('digest', /config\.json: git-sha1/);
    assert.ok(!(await readdir(out)).some((name) => name.startsWith('config')));
  });

  test('a gated repository without a token', async () => {
    server.repositories[NAME] = { ...server.repositories[NAME]!, gated: true };
    await refused('access', /4M-21_B: .*restricted.*accept the terms.*HF_TOKEN/);
  });

  test('a repository or revision that is not there', async () => {
    await refused(
      'access',
      /EPFL-VILAB\/4M-22: there is no such repository/,
      pull('EPFL-VILAB/4M-22'),
    );
    await refused('not_found', /4M-21_B: there is no such revision/, pull(NAME, 'v9'));
  });

  test('pickles, and repositories without a checkpoint', async () => {
    const card = { 'README.md': text('#') };
    server.repositories[NAME] = { files: { ...card, 'pytorch_model.bin': noise(10) } };
    await refused('pickle', /only pickled weights \(pytorch_model\.bin\).*run code.*convert/);
    server.repositories[NAME] = { files: card };
    await refused('not_a_checkpoint', /has no \.safetensors file/);
    assert.ok(!existsSync(out));
  });

  test('a disk that is too small, before anything is fetched', async () => {
    server.faults.sizes['model.safetensors'] = 1e17;
    await refused('disk', /out: 1000000000000000\d\d bytes are to be written, \d+ are free/);
    assert.ok(!server.requests.some(({ path }) => path.includes('/resolve/')));
  });

  test('a full disk', { skip: existsSync('/dev/full') ? false : 'no /dev/full' }, async () => {
    await mkdir(out);
    await symlink('/dev/full', join(out, 'model.safetensors.partial'));
    await refused('disk', /model\.safetensors\.partial: the disk is full with 300000 bytes to go/);
  });

  test('a server that answers with something else', async () => {
    server.faults.statuses.push(503, 502);
    await pull();
    server.faults.statuses.push(503, 503, 503);
    await refused('network', /list of EPFL-VILAB\/4M-21_B: the hub answered 503; gave up after 3/);
    await server.close();
    await refused('network', /ECONNREFUSED/);
    server = await startHub({});
  });
});
