/**
 * Every route of the table against everything that a stranger, a tenant or a broken client can send: the running
 * product, with keys. What is attacked is found by the table, so that a new route is attacked by itself; one that nobody
 * has said a valid request of fails here. Run by `attacks.test.ts` on Node and, in real workerd, by `workerd.test.ts`,
 * which leaves out what is the worker's to refuse, and what is the same code over the same bytes on both.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Route } from '../../shared/api/route.ts';
import { isIdempotent } from '../../shared/api/route.ts';
import { attackAddresses } from './addresses.ts';
import { attackForm, attackIdempotency, attackJson, attackSize } from './bodies.ts';
import {
  attackWithArrays,
  attackWithHeads,
  attackWithImports,
  attackWithPictures,
} from './files.ts';
import { attackLines, attackWorker } from './internal.ts';
import { attackWithKeys } from './keys.ts';
import { checkLogs } from './logs.ts';
import { attackOrigin, checkHeaders } from './pages.ts';
import { type Place, type Runtime, startPlace } from './place.ts';
import { attackQuery, attackRawSteps, attackSteps, HOSTILE_STEPS } from './steps.ts';
import { attackByNames, attackTenants } from './tenants.ts';
import {
  attackForms,
  attackHeaders,
  attackMethods,
  attackSlowly,
  attackSmuggled,
} from './transport.ts';
import { routes, type Valid, validFor } from './valid.ts';
import { createWorld, type World } from './world.ts';

/** Growth of a process by all attacks together at most. */
const MOST_GROWTH_KIB = 600_000;
/** Of what is tried by many values a route in workerd has one in so many. */
const SHARE = 3;
/** Routes that are attacked at once. */
const AT_ONCE = 8;

const always = (): boolean => true;
const takesJson = ({ request }: Route): boolean =>
  request !== undefined && 'json' in request && !request.isForm;
const takesForm = ({ request }: Route): boolean =>
  request !== undefined && 'json' in request && request.form !== undefined;

export function attackSuite(runtime: Runtime, skip: string | false): void {
  describe(`attacks on ${runtime}`, { skip }, () => {
    const isNode = runtime === 'node';
    /** All of many on Node; in workerd a part for each route, which is another one for the next. */
    const takes =
      (route: Route) =>
      <T>(all: readonly T[]): readonly T[] =>
        isNode ? all : all.filter((_, i) => i % SHARE === here.indexOf(route) % SHARE);
    const readsHeaders = ({ id }: Route): boolean =>
      isNode || ['generate', 'models', 'jobEvents', 'search', 'docs'].includes(id);
    /** What the worker refuses, the parser of Node, or the same code on both is tried once. */
    const testOnNode = (name: string, work: () => Promise<void>): void => {
      if (isNode) test(name, work);
    };
    // Addresses of our own lead to bytes on a disk; an S3 server has its own.
    const here = routes.filter(({ id }) => isNode || !['link', 'putLink'].includes(id));
    let place: Place;
    let world: World;
    let first: ReturnType<Place['pids']>;
    let memory: { edge: number; worker: number };

    const residentOf = async (pid: number | undefined): Promise<number> =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);
    const valid = async (route: Route): Promise<Valid> =>
      (await validFor(route, world)) ??
      assert.fail(`nobody has said what a valid request to ${route.id} is: test/security/valid.ts`);
    /** Does something for every route that fits, some of them at once. */
    const each = async (
      fits: (route: Route) => boolean,
      attack: (route: Route, valid: Valid) => Promise<unknown>,
    ): Promise<void> => {
      const left = here.filter(fits).values();
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (const route of left) await attack(route, await valid(route));
        }),
      );
    };

    before(async () => {
      place = await startPlace({}, runtime);
      world = createWorld(place, place.keys.one);
      first = place.pids();
      memory = { edge: await residentOf(first.edge), worker: await residentOf(first.worker) };
    });
    after(() => place?.close());

    test('every route has a valid request, which succeeds', async () => {
      await each(always, async (route, { asked }) => {
        const { status, text } = await place.as(place.keys.one, asked);
        assert.ok(status >= 200 && status < 300, `${route.id}: ${status} ${text.slice(0, 500)}`);
      });
    });

    test('keys: none, malformed, strange, expired, revoked, of the wrong scope', () =>
      each(always, ({ id }, { asked }) => attackWithKeys(place, id, asked)));

    test("tenants: what is another's is answered as what never was, and stays as it is", async () => {
      let attacked = 0;
      await each(always, async (route, own) => {
        if (!(await attackTenants(place, route, own))) return;
        attacked++;
        const { status, text } = await place.as(place.keys.one, own.asked);
        assert.ok(status >= 200 && status < 300, `${route.id} afterwards: ${status} ${text}`);
      });
      assert.ok(attacked > 20, `${attacked} routes`);
    });

    test("tenants: requests that name another's uploads, tokens, heads and collections", () =>
      attackByNames(place, world));

    test('paths: traversal, encodings, NUL, line ends and names of JavaScript in every step', () =>
      each(always, async (route, own) => {
        await attackSteps(place, route, own, takes(route)(HOSTILE_STEPS));
        await attackRawSteps(place, route, own);
      }));

    testOnNode('queries: hostile values of every parameter', () =>
      each(always, (route, own) => attackQuery(place, route, own)),
    );

    test('bodies: deep, wide, doubled, polluted, foreign JSON', () =>
      each(takesJson, (route, own) => attackJson(place, route, own, takes(route))));

    test('bodies: forms of too many, endless and misnamed parts', () =>
      each(takesForm, (route, own) => attackForm(place, route, own)));

    test('bodies: larger than allowed, with a length and without', () =>
      each(
        ({ request }) => request !== undefined,
        (route, own) => attackSize(place, route, own),
      ));

    testOnNode('bodies: hostile Idempotency-Key', () =>
      each(isIdempotent, (route, own) => attackIdempotency(place, route, own)),
    );

    testOnNode('pictures: bombs, polyglots, animations, SVG, false metadata', () =>
      attackWithPictures(place, world),
    );
    testOnNode('arrays: shapes and headers of lies', () => attackWithArrays(place));
    testOnNode('heads: safetensors of lies', () => attackWithHeads(place));
    testOnNode('imports: Parquet, npy and JSONL of lies', () => attackWithImports(place, world));

    testOnNode(
      'addresses: this machine and its network, in every place that takes an address',
      () => attackAddresses(place),
    );

    test('internal calls: forged, changed, old, sent twice', async () => {
      await attackWorker(place);
      await attackLines(place);
    });

    test('transport: requests hidden in bodies', () =>
      each(
        ({ request }) => request !== undefined,
        (_, { asked }) => attackSmuggled(place, asked.path, isNode ? 499 : 599),
      ));

    testOnNode('transport: methods that an address does not take', async () => {
      for (const path of new Set(routes.map((route) => route.path))) {
        const there = routes.filter((route) => route.path === path);
        const [route] = there;
        if (!route) continue;
        const { asked } = await valid(route);
        await attackMethods(place, path, new Set(there.map(({ method }) => method)), asked);
      }
    });

    testOnNode('transport: old, absolute and malformed requests, and names of the server', () =>
      attackForms(place),
    );

    test('transport: headers that are read as numbers, lists or dates', () =>
      each(readsHeaders, (route, own) => attackHeaders(place, own, route.id)));

    test('transport: slow heads and bodies hold up nobody else', async () => {
      const taking = here.filter(({ request, tag }) => request !== undefined && tag !== 'service');
      const slow: { route: Route; valid: Valid }[] = [];
      for (const route of taking) slow.push({ route, valid: await valid(route) });
      await attackSlowly(place, slow);
    });

    testOnNode(
      'browsers: any origin may ask, without credentials; pages load nothing from elsewhere',
      () =>
        each(always, async (route, own) => {
          await attackOrigin(place, route, own);
          await checkHeaders(place, route, own);
        }),
    );

    test('logs: no key, secret, permit, text or picture of a caller', () =>
      checkLogs(place, world));

    test('afterwards: the same processes, no larger than they may be, answer as before', async () => {
      assert.deepEqual(place.pids(), first);
      for (const name of ['edge', 'worker'] as const) {
        const grown = (await residentOf(first[name])) - memory[name];
        assert.ok(grown < MOST_GROWTH_KIB, `${name} has grown by ${grown} KiB`);
      }
      await each(
        ({ tag }) => tag !== 'service',
        async (route, { asked }) => {
          const { status, text } = await place.as(place.keys.one, asked);
          assert.ok(status >= 200 && status < 300, `${route.id}: ${status} ${text.slice(0, 500)}`);
        },
      );
    });
  });
}
