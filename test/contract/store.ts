/** What every store must do. Run on all implementations by `store.test.ts`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Store } from '../../shared/store/store.ts';

export interface StoreCase {
  readonly name: string;
  readonly skip: string | undefined;
  /** A second store of the same place, as another process would open it. */
  readonly open: (log?: (line: string) => void) => Promise<Store>;
  /** The place behind the store, as a failing disk or a careless hand reaches it. */
  readonly place: () => Promise<PlaceAccess>;
}

/** Everything that lies under a key, bytes and whatever goes with them. */
export interface Placed {
  readonly bytes: Uint8Array;
  readonly rest: unknown;
}
export interface PlaceAccess {
  read(key: string): Promise<Placed>;
  write(key: string, placed: Placed): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const say = (body: Uint8Array | undefined): string | undefined =>
  body && new TextDecoder().decode(body);
const REFUSED = { ok: false, code: 'precondition_failed' } as const;

const HURTS: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  'cut in half': (bytes) => bytes.slice(0, bytes.length / 2),
  'cut by a byte': (bytes) => bytes.slice(0, -1),
  emptied: () => new Uint8Array(0),
  'one bit of the last byte changed': (bytes) => bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1),
  'one bit of the first byte changed': (bytes) => bytes.with(0, (bytes[0] ?? 0) ^ 1),
  'a byte added': (bytes) => Uint8Array.from([...bytes, 32]),
  'zeroes in its place': (bytes) => new Uint8Array(bytes.length),
  'other text': () => bytes('{"outputs":{}}'),
};

export function storeContract({ name, skip, open, place }: StoreCase): void {
  describe(`store contract: ${name}`, { skip: skip ?? false }, () => {
    // Places may outlive a run: keys are this run's own.
    const at = (key: string): string => `contract-${run}/${key}`;
    const run = `${Date.now()}-${Math.floor(Math.random() * 1e9)}`;

    it('gives back bytes, content type and etag', async () => {
      const store = await open();
      const body = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256);
      const put = await store.put(at('a'), body, { contentType: 'image/png; x=1' });
      assert.ok(put.ok);
      assert.match(put.etag, /^"[^"]+"$/);
      const got = await (await open()).get(at('a'));
      assert.deepEqual(got?.body, body);
      assert.equal(got?.etag, put.etag);
      assert.equal(got?.contentType, 'image/png; x=1');
      const other = await store.put(at('a'), bytes('other'));
      assert.ok(other.ok);
      assert.notEqual(other.etag, put.etag);
      assert.equal((await store.get(at('a')))?.contentType, 'application/octet-stream');
    });

    it('keeps empty objects and long keys, and `a` beside `a/b`', async () => {
      const store = await open();
      const long = at('k'.repeat(500 - at('').length));
      for (const key of [at('dir'), at('dir/inside'), long]) await store.put(key, bytes(key));
      await store.put(at('empty'), new Uint8Array(0));
      for (const key of [at('dir'), at('dir/inside'), long]) {
        assert.equal(say((await store.get(key))?.body), key);
      }
      assert.equal((await store.get(at('empty')))?.body.length, 0);
    });

    it('answers undefined for what is not there, and deletes without complaint', async () => {
      const store = await open();
      assert.equal(await store.get(at('nothing')), undefined);
      await store.delete(at('nothing'));
      await store.put(at('gone'), bytes('x'));
      await store.delete(at('gone'));
      assert.equal(await store.get(at('gone')), undefined);
    });

    it('ifNoneMatch: writes once', async () => {
      const store = await open();
      const first = await store.put(at('once'), bytes('1'), { ifNoneMatch: '*' });
      assert.ok(first.ok);
      assert.deepEqual(await store.put(at('once'), bytes('2'), { ifNoneMatch: '*' }), REFUSED);
      assert.equal(say((await store.get(at('once')))?.body), '1');
      await store.delete(at('once'));
      assert.ok((await store.put(at('once'), bytes('3'), { ifNoneMatch: '*' })).ok);
    });

    it('ifNoneMatch: of writers at once, one wins and its bytes stay', async () => {
      const stores = await Promise.all(Array.from({ length: 8 }, () => open()));
      const results = await Promise.all(
        stores.map((store, i) => store.put(at('race'), bytes(`w${i}`), { ifNoneMatch: '*' })),
      );
      const winners = results.flatMap((result, i) => (result.ok ? [`w${i}`] : []));
      assert.equal(winners.length, 1);
      assert.equal(say((await stores[0]!.get(at('race')))?.body), winners[0]);
    });

    it('ifMatch: writes only over what was read', async () => {
      const store = await open();
      assert.deepEqual(await store.put(at('m'), bytes('0'), { ifMatch: '"abc"' }), REFUSED);
      assert.equal(await store.get(at('m')), undefined);
      const one = await store.put(at('m'), bytes('1'));
      assert.ok(one.ok);
      const two = await store.put(at('m'), bytes('2'), { ifMatch: one.etag });
      assert.ok(two.ok);
      assert.deepEqual(await store.put(at('m'), bytes('3'), { ifMatch: one.etag }), REFUSED);
      assert.equal(say((await store.get(at('m')))?.body), '2');
    });

    it('ifMatch: no update of a counter is lost among writers at once', async () => {
      const writers = await Promise.all(Array.from({ length: 4 }, () => open()));
      await writers[0]!.put(at('count'), bytes('0'));
      const increment = async (store: Store): Promise<void> => {
        for (let attempt = 0; attempt < 100; attempt++) {
          const seen = (await store.get(at('count')))!;
          const next = bytes(String(Number(say(seen.body)) + 1));
          if ((await store.put(at('count'), next, { ifMatch: seen.etag })).ok) return;
        }
        assert.fail('no attempt succeeded');
      };
      await Promise.all(writers.flatMap((store) => [increment(store), increment(store)]));
      assert.equal(say((await writers[0]!.get(at('count')))?.body), '8');
    });

    it('a reader never sees half of a write', async () => {
      const store = await open();
      const reader = await open();
      const versions = ['a', 'b'].map((letter) => bytes(letter.repeat(300_000)));
      await store.put(at('whole'), versions[0]!);
      const writes = (async () => {
        for (let i = 0; i < 10; i++) await store.put(at('whole'), versions[i % 2]!);
      })();
      for (let i = 0; i < 10; i++) {
        const text = say((await reader.get(at('whole')))?.body) ?? '';
        assert.equal(text.length, 300_000);
        assert.equal(text, text[0]!.repeat(text.length));
      }
      await writes;
    });

    it('lists a prefix in order, in pages, and nothing else', async () => {
      const store = await open();
      const keys = Array.from({ length: 1003 }, (_, i) => at(`list/${(i * 16) % 1003}.json`));
      for (let i = 0; i < keys.length; i += 50) {
        await Promise.all(keys.slice(i, i + 50).map((key) => store.put(key, bytes('x'))));
      }
      await store.put(at('listed-not'), bytes('x'));
      const listed: string[] = [];
      let pages = 0;
      for (let cursor: string | undefined; pages === 0 || cursor !== undefined; pages++) {
        const page = await store.list(at('list/'), cursor);
        listed.push(...page.keys);
        cursor = page.cursor;
      }
      assert.deepEqual(listed, [...keys].sort());
      assert.ok(pages > 1, `${pages} pages`);
      assert.deepEqual((await store.list(at('list/100'))).keys, [
        at('list/100.json'),
        at('list/1000.json'),
        at('list/1001.json'),
        at('list/1002.json'),
      ]);
      assert.deepEqual(await store.list(at('no-such')), { keys: [] });
      // Behind a key, there or not; further pages follow by their cursor.
      const last = [...keys].sort().slice(-3);
      assert.deepEqual((await store.list(at('list/'), undefined, last[0])).keys, last.slice(1));
      assert.deepEqual(
        (await store.list(at('list/'), undefined, `${last[0]}x`)).keys,
        last.slice(1),
      );
      const behind = await store.list(at('list/'), undefined, [...keys].sort()[0]);
      assert.equal(behind.keys.length, 1000);
      assert.deepEqual((await store.list(at('list/'), behind.cursor)).keys, last.slice(1));
    });

    for (const [what, hurt] of Object.entries(HURTS)) {
      it(`an object with ${what} is absent, logged, and replaced by the next write`, async () => {
        const lines: string[] = [];
        const store = await open((line) => lines.push(line));
        const places = await place();
        const key = at(`hurt/${what.replaceAll(' ', '-')}`);
        const text = JSON.stringify({ answer: 42, text: 'x'.repeat(500) });
        const damage = async (): Promise<void> => {
          assert.ok((await store.put(key, bytes(text), { contentType: 'application/json' })).ok);
          const { bytes: placed, rest } = await places.read(key);
          await places.write(key, { bytes: hurt(placed), rest });
        };
        await damage();
        assert.equal(await store.get(key), undefined);
        assert.deepEqual(await store.look(key), { state: 'damaged' });
        assert.ok(lines.length > 0 && lines.every((line) => line.includes(key)), lines.join());
        assert.ok((await store.put(key, bytes('anew'))).ok);
        assert.equal(say((await store.get(key))?.body), 'anew');
        // A condition that nothing be there must not keep what is damaged.
        await damage();
        assert.ok((await store.put(key, bytes('once'), { ifNoneMatch: '*' })).ok);
        assert.equal(say((await store.get(key))?.body), 'once');
        assert.deepEqual(await store.put(key, bytes('2'), { ifNoneMatch: '*' }), REFUSED);
      });
    }

    it('objects that changed places are absent: the digest names the key', async () => {
      const store = await open();
      const places = await place();
      const [one, two] = [at('swap/one'), at('swap/two')];
      await store.put(one, bytes('the first'));
      await store.put(two, bytes('a second'));
      const [placedOne, placedTwo] = [await places.read(one), await places.read(two)];
      await places.write(one, placedTwo);
      await places.write(two, placedOne);
      for (const key of [one, two]) assert.deepEqual(await store.look(key), { state: 'damaged' });
      await places.write(one, placedOne);
      assert.equal(say((await store.get(one))?.body), 'the first');
    });

    it('writers at once replace what is damaged with one whole object', async () => {
      const stores = await Promise.all(Array.from({ length: 4 }, () => open()));
      const places = await place();
      const first = stores[0] ?? assert.fail();
      await first.put(at('hurt-race'), bytes('x'));
      const { rest } = await places.read(at('hurt-race'));
      await places.write(at('hurt-race'), { bytes: bytes('y'), rest });
      const results = await Promise.all(
        stores.map((store, i) => store.put(at('hurt-race'), bytes(`w${i}`), { ifNoneMatch: '*' })),
      );
      const winners = results.flatMap((result, i) => (result.ok ? [`w${i}`] : []));
      assert.equal(winners.length, 1);
      assert.equal(say((await first.get(at('hurt-race')))?.body), winners[0]);
    });

    it('says what is absent, and what is whole', async () => {
      const store = await open();
      assert.deepEqual(await store.look(at('not-there')), { state: 'absent' });
      await store.put(at('there'), bytes('x'));
      const found = await store.look(at('there'));
      assert.equal(found.state === 'whole' && say(found.object.body), 'x');
    });

    it('refuses keys outside the grammar', async () => {
      const store = await open();
      for (const key of ['', '../x', 'a/../b', 'a//b', '/a', 'a b', 'ä', 'k'.repeat(513)]) {
        await assert.rejects(store.put(key, bytes('x')), /malformed/, key);
        await assert.rejects(store.get(key), /malformed/, key);
        await assert.rejects(store.delete(key), /malformed/, key);
      }
    });

    it('checks itself', async () => {
      await (await open()).check();
    });
  });
}
