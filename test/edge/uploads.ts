/** Uploads: begun, sent, looked at, named by requests, deleted; and everything that is no upload. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPermits } from '../../edge/uploads/permit.ts';
import { type CreatedUpload, createdUploadSchema, uploadSchema } from '../../shared/api/uploads.ts';
import { createClient } from '../../shared/client/index.ts';
import { createUploads } from '../../shared/uploads/uploads.ts';
import { SECRET } from '../support/fakeWorker.ts';
import { freshPicture } from '../support/pictures.ts';
import { problemOf } from './errors.ts';
import { type Fixture, MAX_BODY, MAX_UPLOAD } from './suite.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

export function uploadTests(f: Fixture): void {
  const begin = async (announced: object): Promise<CreatedUpload> => {
    const body = JSON.stringify(announced);
    const answer = await fetch(`${f.url}/v1/uploads`, { method: 'POST', headers: JSON_TYPE, body });
    assert.equal(answer.status, 200);
    return createdUploadSchema.parse(await answer.json());
  };
  const refuse = (announced: object) =>
    fetch(`${f.url}/v1/uploads`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify(announced),
    });
  const send = ({ url, method, headers }: CreatedUpload, body: BodyInit, more = {}) =>
    fetch(url, { method, headers: { ...headers, ...more }, body });
  const look = (id: string, init?: RequestInit) => fetch(`${f.url}/v1/uploads/${id}`, init);
  const generate = (rgb: unknown, headers: Record<string, string> = {}) =>
    fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify({ inputs: { rgb }, targets: ['depth'] }),
    });
  /** Whether the edge takes the bytes itself; otherwise an S3 server does. */
  const isOwn = ({ url }: CreatedUpload): boolean => url.startsWith(f.url);

  test('uploads: sent to the address that was given, and then there', async () => {
    const { bytes, sha256 } = freshPicture();
    const upload = await begin({ content_type: 'image/png', size: bytes.length, sha256 });
    assert.equal(upload.status, 'waiting');
    assert.deepEqual(upload.headers, { 'content-type': 'image/png' });
    assert.ok(Date.parse(upload.url_expires_at) < Date.parse(upload.expires_at));
    assert.equal(uploadSchema.parse(await (await look(upload.id)).json()).status, 'waiting');
    assert.equal((await send(upload, bytes)).status, 200);
    const there = uploadSchema.parse(await (await look(upload.id)).json());
    assert.deepEqual([there.status, there.size, there.sha256], ['arrived', bytes.length, sha256]);
    assert.deepEqual(await (await look(upload.id, { method: 'DELETE' })).json(), { deleted: true });
    await problemOf(await look(upload.id), 'unknown_upload');
    if (isOwn(upload)) await problemOf(await send(upload, bytes), 'unknown_upload');
  });

  test('uploads: an input, which is the same request as the bytes themselves', async () => {
    const { bytes, sha256, url } = freshPicture();
    const client = createClient({ baseUrl: f.url });
    const { id } = await client.upload(new Blob([bytes], { type: 'image/png' }), { sha256 });
    const asked = f.worker.asked.length;
    const first = await generate({ upload: id });
    assert.equal(first.status, 200);
    const { sources } = await first.json();
    const is = { sha256, size: bytes.length, content_type: 'image/png' };
    assert.deepEqual(sources, { '/inputs/rgb': is });
    for (const rgb of [url, { upload: id }]) {
      const again = await generate(rgb);
      assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit');
      assert.equal(again.headers.get('x-4m-result'), first.headers.get('x-4m-result'));
    }
    const sent = f.worker.asked.slice(asked).map(({ request }) => request.inputs.rgb);
    const named = f.shared ? `stored:default/${sha256}` : bytes.toString('base64');
    assert.deepEqual(sent, [{ data: named }]);
    await client.deleteUpload(id);
    await problemOf(await generate({ upload: id }), 'unknown_upload');
  });

  test('uploads: what is wrong with one is told where it is used', async () => {
    const pointer = async (answer: Response, code: Parameters<typeof problemOf>[1]) =>
      (await problemOf(answer, code)).errors?.[0]?.pointer;
    const { bytes } = freshPicture();
    const waiting = await begin({ content_type: 'image/png' });
    assert.equal(
      await pointer(await generate({ upload: waiting.id }), 'upload_waiting'),
      '/inputs/rgb/upload',
    );
    const absent = `upload_${'0'.repeat(32)}`;
    assert.equal(
      await pointer(await generate({ upload: absent }), 'unknown_upload'),
      '/inputs/rgb/upload',
    );
    assert.equal(
      await pointer(await generate({ upload: '../../results' }), 'invalid_request'),
      '/inputs/rgb/upload',
    );
    const other = await begin({ content_type: 'image/png', sha256: 'a'.repeat(64) });
    await send(other, bytes);
    assert.equal(
      await pointer(await generate({ upload: other.id }), 'upload_mismatch'),
      '/inputs/rgb/upload',
    );
    const text = await begin({ content_type: 'text/html' });
    await send(text, '<html>');
    assert.equal(
      await pointer(await generate({ upload: text.id }), 'unsupported_media_type'),
      '/inputs/rgb/upload',
    );
    const large = await begin({ content_type: 'image/png' });
    await send(large, freshPicture(MAX_BODY + 1).bytes);
    assert.equal(
      await pointer(await generate({ upload: large.id }), 'too_large'),
      '/inputs/rgb/upload',
    );
    const array = await begin({ content_type: 'application/x-npy' });
    await send(array, Buffer.from('\x93NUMPY and more', 'latin1'));
    assert.equal((await generate({ upload: array.id })).status, 200, 'by its bytes it may be read');
    const caption = { inputs: { caption: { upload: other.id } }, targets: ['depth'] };
    const body = JSON.stringify(caption);
    const form = await fetch(`${f.url}/v1/generate`, { method: 'POST', headers: JSON_TYPE, body });
    assert.equal(await pointer(form, 'invalid_input'), '/inputs/caption');
  });

  test("uploads: another tenant's, and one that has expired, are not there", async () => {
    if (!f.shared) return;
    const foreign = await createUploads(f.shared).create('another', { content_type: 'image/png' });
    const before = () => Date.now() - 73 * 3_600_000;
    const old = await createUploads(f.shared, before).create('default', {
      content_type: 'image/png',
    });
    for (const { id } of [foreign, old, { id: 'upload_x' }, { id: '..%2f..%2fresults' }]) {
      await problemOf(await look(id), 'unknown_upload');
      await problemOf(await look(id, { method: 'DELETE' }), 'unknown_upload');
    }
    await problemOf(await generate({ upload: foreign.id }), 'unknown_upload');
    const stored = { data: `stored:another/${'a'.repeat(64)}` };
    await problemOf(await generate(stored), 'invalid_input');
  });

  test('uploads: what cannot be begun', async () => {
    const pointer = async (announced: object, code: 'invalid_request' | 'too_large') =>
      (await problemOf(await refuse(announced), code)).errors?.[0]?.pointer;
    assert.equal(await pointer({}, 'invalid_request'), '/content_type');
    assert.equal(await pointer({ content_type: 'png' }, 'invalid_request'), '/content_type');
    const type = { content_type: 'image/png' };
    assert.equal(await pointer({ ...type, size: 0 }, 'invalid_request'), '/size');
    assert.equal(await pointer({ ...type, size: MAX_UPLOAD + 1 }, 'too_large'), '/size');
    assert.equal(await pointer({ ...type, sha256: 'x' }, 'invalid_request'), '/sha256');
    assert.equal(await pointer({ ...type, tenant: 'another' }, 'invalid_request'), '/tenant');
  });

  test('uploads: bodies other than what was announced are refused', async () => {
    const { bytes } = freshPicture(2000);
    const upload = await begin({ content_type: 'image/png', size: bytes.length });
    const longer = Buffer.concat([bytes, bytes]);
    const wrong = [
      await send(upload, longer),
      await send(upload, bytes.subarray(1)),
      await send(upload, bytes, { 'content-type': 'text/html' }),
    ];
    for (const answer of wrong) assert.ok(answer.status >= 400 && answer.status < 500);
    assert.equal(uploadSchema.parse(await (await look(upload.id)).json()).status, 'waiting');
    if (!isOwn(upload)) {
      for (const answer of wrong) assert.match(await answer.text(), /SignatureDoesNotMatch/);
      return;
    }
    await problemOf(wrong[0] as Response, 'upload_mismatch');
    await problemOf(wrong[1] as Response, 'upload_mismatch');
    await problemOf(wrong[2] as Response, 'unsupported_media_type');
    await problemOf(
      await send(upload, bytes, { 'content-encoding': 'gzip' }),
      'unsupported_media_type',
    );
    const any = await begin({ content_type: 'image/png' });
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(MAX_BODY)),
    });
    const streamed = {
      method: 'PUT',
      headers: any.headers,
      body: endless,
      duplex: 'half',
    } as const;
    await problemOf(await fetch(any.url, streamed), 'too_large');
    await problemOf(await send(any, ''), 'empty_request');
    assert.equal(uploadSchema.parse(await (await look(any.id)).json()).status, 'waiting');
  });

  test('uploads: an address is only good for what it was given for, and for a while', async () => {
    const { bytes } = freshPicture();
    const upload = await begin({ content_type: 'image/png' });
    if (!isOwn(upload)) {
      const forged = upload.url.replace(/Signature=../, 'Signature=00');
      assert.equal((await send({ ...upload, url: forged }, bytes)).status, 403);
      return;
    }
    await problemOf(await fetch(upload.url), 'invalid_link');
    const last = upload.url.lastIndexOf('.');
    for (const url of [
      `${upload.url.slice(0, last)}.${'A'.repeat(43)}`,
      upload.url.slice(0, last),
      `${f.url}/v1/links/x`,
      `${upload.url}.x`,
    ])
      await problemOf(await send({ ...upload, url }, bytes), 'invalid_link');
    const permit = {
      do: 'put',
      key: `uploads/default/${upload.id}`,
      content_type: 'image/png',
    } as const;
    const past = { ...permit, expires: Math.floor(Date.now() / 1000) - 1 };
    const url = `${f.url}/v1/links/${await createPermits(SECRET).write(past)}`;
    await problemOf(await send({ ...upload, url }, bytes), 'link_expired');
    const others = await createPermits('another secret').write({ ...past, expires: 9e9 });
    await problemOf(
      await send({ ...upload, url: `${f.url}/v1/links/${others}` }, bytes),
      'invalid_link',
    );
  });
}
