/** Pulling complete sets, by function and by command, against a stand-in of the Hugging Face hub. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { exportSet } from '../../worker/export/exportSet.ts';
import { HubError, type HubProblem } from '../../worker/hub/errors.ts';
import { PRESETS, TEXT_TOKENIZER } from '../../worker/hub/presets.ts';
import { type PullEvent, pullRepository, pullSet } from '../../worker/hub/pull.ts';
import type { Hub } from '../../worker/hub/request.ts';
import { parseMetadataValue } from '../../worker/safetensors/metadata.ts';
import { temporaryFolder } from '../support/exported.ts';
import {
  HUB_TOKEN,
  type HubRepository,
  type HubServer,
  sha256,
  startHub,
  text,
} from '../support/hubServer.ts';
import { safetensorsBytes } from '../support/safetensors.ts';
import { sharedPath, skipWithout } from '../support/shared.ts';
import { type TinyCheckpoint, tinyFm, tinyTokenizer } from '../support/tinyModel.ts';

const NAME = 'EPFL-VILAB/4M-21_B';

let server: HubServer;
let folder: string;
let out: string;
let hub: Hub;
let events: PullEvent[];
const report = (event: PullEvent) => void events.push(event);
const happened = (type: PullEvent['type']) =>
  events.flatMap((event) => (event.type === type && event.type !== 'plan' ? [event.file] : []));
const refused = (reason: HubProblem, message: RegExp, attempt: Promise<unknown>) =>
  assert.rejects(attempt, (error) => {
    assert.ok(error instanceof HubError, String(error));
    assert.equal(error.reason, reason, error.message);
    assert.match(error.message, message);
    return true;
  });
const read = (name: string) => readFile(join(out, name));

beforeEach(async () => {
  folder = await temporaryFolder();
  out = join(folder, 'out');
  events = [];
  server = await startHub({});
  hub = { endpoint: server.url, waits: [], patience: 120_000 };
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

describe('a complete set', () => {
  const config = (id: string, checkpointOf: TinyCheckpoint): HubRepository => ({
    // The published way: config.json holds what the metadata of the file may not.
    files: {
      'README.md': text(`# ${id}`),
      'config.json': text(JSON.stringify(parsed(checkpointOf.metadata))),
      'model.safetensors': safetensorsBytes(checkpointOf.tensors),
    },
  });
  /** Python literals of a file's metadata, as JSON has them. */
  const parsed = (metadata: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key, parseMetadataValue(value)]),
    );
  const everything = (preset: (typeof PRESETS)[string]): Record<string, HubRepository> => ({
    [preset.fm]: config(preset.fm, tinyFm()),
    ...Object.fromEntries(
      Object.values(preset.tokenizers).map((id) => [id, config(id, tinyTokenizer())]),
    ),
  });
  const stems = Object.keys(PRESETS['4m21-b']!.tokenizers).sort();

  test('has the layout that an export takes', async () => {
    const preset = PRESETS['4m21-b']!;
    Object.assign(server.repositories, everything(preset));
    const tokenizer = join(folder, 'wordpiece.json');
    await writeFile(tokenizer, '{}');
    const source = { from: tokenizer, sha256: sha256('{}') };
    const pulled = await pullSet(hub, preset, 'main', out, source, report);
    assert.equal(stems.length, 12);
    assert.equal(String(await read('tok_rgb.README.md')), `# ${preset.tokenizers.tok_rgb}`);
    const { set, members } = await exportSet(pulled.checkpoint, join(folder, 'set'), {
      id: '4m21-b',
    });
    assert.deepEqual(Object.keys(set.tokenizers), stems);
    assert.deepEqual(Object.keys(members).sort(), ['fm', ...stems]);
    assert.equal(members.fm?.kind, 'fm');
    events = [];
    await pullSet(hub, preset, 'main', out, source, report);
    assert.deepEqual(happened('finished'), []);
    assert.equal(happened('skipped').length, 1 + 13 * 3);
    await rm(join(out, 'tokenizer.json'));
    const other = { from: tokenizer, sha256: sha256('{ }') };
    await refused(
      'digest',
      /wordpiece\.json: sha256 is/,
      pullSet(hub, preset, 'main', out, other, report),
    );
  });

  test('of parts is refused', async () => {
    const preset = PRESETS['4m7-b']!;
    Object.assign(server.repositories, everything(preset));
    server.repositories[preset.fm] = {
      files: {
        'model.safetensors.index.json': text('{}'),
        'model-1.safetensors': new Uint8Array(9),
      },
    };
    await refused(
      'not_a_checkpoint',
      /4M-7_B_CC12M: a set is made of single files/,
      pullSet(hub, preset, 'main', out, { from: '-', sha256: '' }, report),
    );
  });

  test('is not needed to export a repository in parts', async () => {
    const { tensors, metadata } = tinyFm();
    const parts = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const names = Object.keys(tensors);
    const partOf = (name: string) => parts[names.indexOf(name) % 2]!;
    const only = (part: string) =>
      Object.fromEntries(Object.entries(tensors).filter(([name]) => partOf(name) === part));
    const map = Object.fromEntries(names.map((name) => [name, partOf(name)]));
    server.repositories['some/model'] = {
      files: {
        'config.json': text(JSON.stringify(parsed(metadata))),
        'model.safetensors.index.json': text(JSON.stringify({ metadata: {}, weight_map: map })),
        ...Object.fromEntries(parts.map((part) => [part, safetensorsBytes(only(part))])),
      },
    };
    const pulled = await pullRepository(hub, 'some/model', 'main', out, report);
    const manifest = await exportCheckpoint(pulled.checkpoint, join(folder, 'exported'));
    assert.equal(manifest.kind, 'fm');
    assert.equal(manifest.weights.length, 2);
  });

  const cli = join(dirname(fileURLToPath(import.meta.url)), '../../worker/hub/cli.js');
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [cli, ...args], {
      cwd: folder,
      env: { ...process.env, HF_ENDPOINT: `${server.url}/`, HF_TOKEN: HUB_TOKEN },
    });

  test('is pulled by the command, which says how to export it', {
    skip: skipWithout('reference', 'text_tokenizer_4m_wordpiece_30k.json'),
  }, async () => {
    Object.assign(server.repositories, everything(PRESETS['4m7-sr-l']!));
    const tokenizer = sharedPath('reference', 'text_tokenizer_4m_wordpiece_30k.json');
    const { stdout } = await run('--all-4m7-sr-l', '--text-tokenizer', tokenizer);
    const place = '.data/checkpoints/4m7-sr-l';
    assert.match(
      stdout,
      new RegExp(
        `npm run export -- ${place} \\.data/models/4m7-sr-l --licence 'Sample Code License'`,
      ),
    );
    assert.match(stdout, /tok_clip\.safetensors {2}\d.* verified/);
    assert.equal(
      sha256(await readFile(join(folder, place, 'tokenizer.json'))),
      TEXT_TOKENIZER.sha256,
    );
    assert.ok(existsSync(join(folder, place, 'fm.config.json')));
    assert.ok(!existsSync(join(folder, place, 'tok_edge.safetensors')));
  });

  test('or a model alone, with the text tokenizer; its export gets a name', {
    skip: skipWithout('reference', 'text_tokenizer_4m_wordpiece_30k.json'),
  }, async () => {
    Object.assign(server.repositories, everything(PRESETS['4m7-b']!));
    const tokenizer = sharedPath('reference', 'text_tokenizer_4m_wordpiece_30k.json');
    const pull = () =>
      run(PRESETS['4m7-b']!.fm, '--out', 'a folder', '--text-tokenizer', tokenizer);
    const { stdout } = await pull();
    assert.match(stdout, /^3 files to fetch, \d.* kB\n/);
    assert.match(
      stdout,
      /export -- 'a folder\/model\.safetensors' \.data\/models\/4M-7_B_CC12M --name 4M-7_B_CC12M --licence 'Sample/,
    );
    assert.equal(
      sha256(await readFile(join(folder, 'a folder', 'tokenizer.json'))),
      TEXT_TOKENIZER.sha256,
    );
    const again = await pull();
    assert.match(again.stdout, /model\.safetensors {2}\d.* kB, there already\n/);
    assert.match(again.stdout, /tokenizer\.json: is there\n/);
    assert.doesNotMatch(again.stdout, /fetch/);
  });

  test('and the command ends with an error and its usage where it should', async () => {
    const ended = async (status: number, message: RegExp, ...args: string[]) =>
      assert.rejects(run(...args), ({ code, stderr }) => {
        assert.equal(code, status, stderr);
        assert.match(stderr, message);
        assert.doesNotMatch(stderr, /^\s+at /m);
        return true;
      });
    await ended(2, /^usage: npm run models:pull -- HUB_ID/);
    await ended(2, /^usage/, NAME, '--all-4m21-b');
    await ended(1, /^models:pull: a\/\.\.: a repository is named/, 'a/..');
    await ended(1, /^models:pull: nowhere: a repository is named OWNER\/NAME/, 'nowhere');
    await ended(1, /^models:pull: no\/where: there is no such repository/, 'no/where');
    await ended(1, /^models:pull: Unknown option '--all-4m22'/, '--all-4m22');
  });
});
