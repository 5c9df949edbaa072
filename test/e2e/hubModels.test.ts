/** Models that a worker takes from the hub: pulled, exported and served, against a stand-in of the hub. */
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { hubSource } from '../../worker/remote/hubSource.ts';
import { CPU } from '../../worker/session/devices.ts';
import { temporaryFolder } from '../support/exported.ts';
import { HUB_TOKEN, type HubServer, startHub, text } from '../support/hubServer.ts';
import { safetensorsBytes } from '../support/safetensors.ts';
import { sharedPath, skipWithout } from '../support/shared.ts';
import { filled, TINY_DIM, TINY_MODALITIES, tinyFm } from '../support/tinyModel.ts';

const NAME = 'EPFL-VILAB/4M-7_B_CC12M';
const VOCABULARY = 30_000;
const never = new AbortController().signal;

/** The tiny FM with the vocabulary of the published text tokenizer. */
function checkpoint(): Uint8Array {
  const { tensors, metadata } = tinyFm();
  const wide = (name: string) => [name, filled(name, [VOCABULARY, TINY_DIM])] as const;
  const tables = ['encoder_embeddings.caption.token_emb.weight'].concat([
    'decoder_embeddings.caption.token_emb.weight',
    'decoder_embeddings.caption.to_logits.weight',
  ]);
  const info = { caption: { ...TINY_MODALITIES.caption, vocab_size: VOCABULARY } };
  return safetensorsBytes(
    { ...tensors, ...Object.fromEntries(tables.map(wide)) },
    { ...metadata, modality_info: JSON.stringify(info) },
  );
}

describe('models of the hub', {
  skip: skipWithout('reference', 'text_tokenizer_4m_wordpiece_30k.json'),
}, () => {
  let server: HubServer;
  let cache: string;
  const log: Readonly<Record<string, unknown>>[] = [];
  const source = (name: string, more: Record<string, string> = {}) =>
    hubSource([{ name, precision: 'fp16' }], {
      cache,
      device: CPU,
      threads: 1,
      log: (entry) => void log.push(entry),
      environment: {
        PATH: process.env.PATH,
        HF_ENDPOINT: server.url,
        HF_TOKEN: HUB_TOKEN,
        FOURM_TEXT_TOKENIZER: sharedPath('reference', 'text_tokenizer_4m_wordpiece_30k.json'),
        ...more,
      },
    });
  beforeEach(async () => {
    log.length = 0;
    cache = await temporaryFolder();
    server = await startHub({
      [NAME]: { files: { 'model.safetensors': checkpoint(), LICENSE: text('terms') } },
    });
  });
  afterEach(async () => {
    await server.close();
    await rm(cache, { recursive: true, force: true });
  });

  test('are pulled and exported once, and then found in the cache', async () => {
    const { offers, faults } = await source(NAME).list(never);
    assert.deepEqual(faults, []);
    const [offer] = offers;
    assert.equal(offer?.description.id, '4M-7_B_CC12M-fp16');
    assert.equal(offer?.description.precision, 'fp16');
    assert.equal(offer?.description.licence, 'Sample Code License');
    const model = await offer?.open(never);
    assert.equal(model?.description.digest, offer?.description.digest);
    await model?.close();
    assert.deepEqual(
      log.map(({ event }) => event),
      ['pulling', 'pulled'],
    );
    await server.close();
    assert.equal((await source(NAME).list(never)).offers.length, 1, 'without the hub');
  });

  test('that are not what the hub lists are a fault, and leave nothing to serve', async () => {
    server.faults.served['model.safetensors'] = new Uint8Array(checkpoint().length);
    const { offers, faults } = await source(NAME).list(never);
    assert.deepEqual(offers, []);
    assert.match(String(faults[0]?.error), /models:pull ended with 1: .*sha256/s);
    assert.deepEqual(await readdir(join(cache, 'hub')), []);
  });

  test('that are not there are a fault in the words of the hub', async () => {
    const { faults } = await source('no/where').list(never);
    assert.match(String(faults[0]?.error), /no\/where: there is no such repository/);
  });

  test('are no longer pulled when the worker is told to end', async () => {
    const stopped = new AbortController();
    const listing = source(NAME).list(stopped.signal);
    setTimeout(() => stopped.abort(new Error('the worker is stopping')), 100);
    await assert.rejects(listing, /the worker is stopping/);
  });
});
