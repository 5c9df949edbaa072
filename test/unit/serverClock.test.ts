/** Times that machines with different clocks agree on. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createS3Store } from '../../shared/store/s3.ts';
import { createServerClock } from '../../shared/store/serverClock.ts';

const dateOf = (milliseconds: number): string => new Date(milliseconds).toUTCString();

test("a clock that is wrong is put right by the server's, and a right one is left alone", () => {
  let own = 1_000_000_000;
  const clock = createServerClock(() => own);
  assert.equal(clock.now(), own);
  clock.heard(undefined, own);
  clock.heard('no date', own);
  clock.heard(dateOf(own - 900), own - 800);
  assert.equal(clock.now(), own, 'delays and whole seconds are no difference');

  clock.heard(dateOf(own + 60_000), own);
  const ahead = clock.now() - own;
  assert.ok(Math.abs(ahead - 60_000) <= 1000, String(ahead));
  own += 5000;
  clock.heard(dateOf(own + 61_000), own - 300);
  assert.equal(clock.now() - own, ahead, 'time does not jump');
  // Somebody has put the clock of this machine right.
  own += 60_000;
  clock.heard(dateOf(own), own);
  assert.equal(clock.now(), own);
});

test('an S3 store tells the time of its server', async () => {
  const server = createServer((_, response) => {
    response.sendDate = false;
    response.setHeader('date', dateOf(Date.now() - 3_600_000));
    response.writeHead(404, { 'content-type': 'application/xml' });
    response.end('<Error><Code>NoSuchKey</Code></Error>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const store = createS3Store({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket: 'bucket',
    accessKeyId: 'id',
    secretAccessKey: 'secret',
  });
  assert.ok(Math.abs(store.now() - Date.now()) < 600_000);
  assert.equal(await store.get('a/b'), undefined);
  const difference = store.now() - (Date.now() - 3_600_000);
  assert.ok(Math.abs(difference) < 600_000, String(difference));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
