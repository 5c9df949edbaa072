/** Who pays for what is computed, however he asked and whether or not he takes it: callers who leave, agents, OpenAI's clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Charge } from '../../shared/credit/ledger.ts';
import { closedGate, until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import { callTool, connect, refusedWith } from './mcp.ts';
import type { Fixture } from './suite.ts';

type Ask = (body: object, headers?: Record<string, string>) => Promise<Response>;

export interface MoneyFixture {
  /** Millionths that a unit costs. */
  readonly perUnit: number;
  readonly url: () => string;
  readonly tenantWith: (credit: string) => Promise<{
    readonly secret: string;
    readonly ask: (path: string, ...rest: Parameters<Ask>) => Promise<Response>;
    readonly generate: Ask;
    /** Charges in the store, once there are so many. */
    readonly charges: (count: number) => Promise<Charge[]>;
  }>;
}

const DEPTH = { inputs: { caption: 'a réd sphere' }, targets: ['depth'] };

export function payerTests(f: Fixture, { perUnit, url, tenantWith }: MoneyFixture): void {
  test('what is computed is charged, though its caller takes no form that it has, or who began it has left', async () => {
    const { generate, charges } = await tenantWith('+1');
    const body = () => ({ ...DEPTH, inputs: { caption: crypto.randomUUID() } });
    const asked = f.worker.asked.length;
    const never = await generate(body(), { accept: 'image/webp' });
    await problemOf(never, 'not_acceptable');
    assert.equal(f.worker.asked.length, asked, 'a type that no output has: nothing is computed');
    const rgb = { inputs: { caption: crypto.randomUUID() }, targets: ['rgb'] };
    const without = await generate(rgb, { accept: 'image/png;q=0, image/*' });
    assert.match(without.headers.get('x-4m-charged') ?? '', /^\d+;currency=EUR$/);
    await problemOf(without, 'not_acceptable');
    const open = closedGate(f);
    const same = body();
    const before = f.worker.asked.length;
    const first = generate({ ...same, deadline_ms: 1000 });
    await until(() => f.worker.asked.length > before, 'the work has begun');
    const events = await generate(same, { accept: 'text/event-stream' });
    await problemOf(await first, 'deadline_exceeded');
    open();
    assert.match(await events.text(), /event: result/);
    const full = (await charges(2)).map(({ cached, amount, units }) => [
      cached,
      amount === perUnit * units,
    ]);
    assert.deepEqual(full, [
      [undefined, true],
      [undefined, true],
    ]);
  });

  test("pictures for OpenAI's clients and tools of agents are paid for as what they ask", async () => {
    const rich = await tenantWith('+1');
    const prompt = crypto.randomUUID();
    const made = await rich.ask('/v1/images/generations', { prompt });
    const { usage } = (await made.json()) as { usage: { units: number; price: number } };
    assert.ok(usage.price > 0 && usage.price === usage.units * perUnit);
    const agent = await connect(url(), rich.secret);
    const painted = await callTool(agent, 'paint', { prompt: crypto.randomUUID() });
    assert.equal(painted.isError, undefined);
    await agent.close();
    const charged = await rich.charges(2);
    assert.deepEqual(
      charged.map(({ task, amount }) => [task, amount]),
      [
        ['imageGenerations', usage.price],
        ['generate', usage.price],
      ],
    );
    const poor = await tenantWith('+0');
    const refused = await poor.ask('/v1/images/generations', { prompt: 'x' });
    assert.equal(refused.status, 402);
    const problem = (await refused.json()) as { price?: number; balance?: number };
    assert.ok('error' in problem);
    const other = await connect(url(), poor.secret);
    const result = await callTool(other, 'paint', { prompt: 'x' });
    const { code, ...told } = refusedWith(result);
    assert.equal(code, 'payment_required');
    const { price, balance } = told as typeof problem;
    assert.ok(price !== undefined && price > 0, JSON.stringify(told));
    assert.equal(balance, problem.balance);
    await other.close();
  });
}
