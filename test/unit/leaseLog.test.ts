/** The log of a lease: several who flush at once, after others have ended it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Charge, createLedger, LEASE_IDS } from '../../shared/credit/ledger.ts';
import { createLeaseLog } from '../../shared/credit/log.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';

const charge = (id: string): Charge => ({
  ...{ id, at: 0, key: 'k', task: 'generate', model: 'm', units: 1, amount: 1, request: 'r' },
});

test('what an ended log refuses is told to one of those who write to it, so that it is charged once elsewhere', async () => {
  const ledger = createLedger(createMemoryStore());
  const place = { tenant: 'acme', lease: LEASE_IDS.create(0) };
  const log = createLeaseLog(ledger, place);
  await ledger.end(place);
  const written: string[] = [];
  for (const id of ['a', 'b'])
    log.add({ charge: charge(id), written: () => void written.push(id), delayed: () => {} });
  const refused = await Promise.all([log.flush(), log.flush(), log.end(), log.flush()]);
  assert.deepEqual(
    refused
      .flat()
      .map((one) => one.charge.id)
      .sort(),
    ['a', 'b'],
  );
  assert.deepEqual(written, []);
});

test('charges that come while a record is under way are in the next one, each once', async () => {
  const ledger = createLedger(createMemoryStore());
  const place = { tenant: 'acme', lease: LEASE_IDS.create(0) };
  const log = createLeaseLog(ledger, place, 'EUR');
  const flushed: Promise<unknown>[] = [];
  for (let i = 0; i < 50; i++) {
    log.add({ charge: charge(String(i)), written: () => {}, delayed: () => {} });
    flushed.push(log.flush());
  }
  await Promise.all(flushed);
  assert.deepEqual(await log.end(), []);
  const records = await ledger.read(place);
  const ids = records.flatMap(({ charges }) => charges.map(({ id }) => Number(id)));
  assert.deepEqual(ids, [...ids.keys()]);
  assert.equal(ids.length, 50);
  assert.equal(records.at(-1)?.end, true);
  assert.ok(records.length < 10, 'gathered');
});

test('whoever writes what was charged waits for that alone, while charges keep coming', async () => {
  const ledger = createLedger(createMemoryStore());
  const place = { tenant: 'acme', lease: LEASE_IDS.create(0) };
  let records = 0;
  const add = (id: string): void =>
    log.add({ charge: charge(id), written: () => {}, delayed: () => {} });
  const log = createLeaseLog(
    {
      ...ledger,
      async append(...record) {
        if (++records < 50) add(`later ${records}`);
        return await ledger.append(...record);
      },
    },
    place,
  );
  add('first');
  await log.flush();
  assert.equal(records, 1);
  assert.equal(log.waiting(), 1);
});
