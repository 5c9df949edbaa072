/** What keys open of `/mcp` and of OpenAI's addresses: as of the routes below them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { AuthenticationError, PermissionDeniedError, RateLimitError } from 'openai';
import type { Limits } from '../../shared/keys/documents.ts';
import type { CreatedKey } from '../../shared/keys/keyStore.ts';
import { freshPicture } from '../support/pictures.ts';
import { callTool, connect, refusedWith } from './mcp.ts';
import type { Fixture } from './suite.ts';

export interface AgentKeys {
  readonly make: (
    tenant: string,
    more?: { scopes?: string[]; limits?: Limits },
  ) => Promise<CreatedKey>;
  readonly url: () => string;
}

export function agentKeyTests(f: Fixture, { make, url }: AgentKeys): void {
  const seeing = () => ({ picture: freshPicture().url, targets: ['depth'] });
  const tenant = () => `agent-${crypto.randomUUID().slice(0, 8)}`;

  test('agents without a key, or with one that does not open /mcp, are turned away', async () => {
    await assert.rejects(connect(url()), /401|Unauthorized|unauthorized/);
    const { secret } = await make(tenant(), { scopes: ['generate'] });
    await assert.rejects(connect(url(), secret), /scope mcp/);
  });

  test('a tool needs the scope of the route that it asks, and is not listed without it', async () => {
    const { secret } = await make(tenant(), { scopes: ['mcp', 'embed'] });
    const agent = await connect(url(), secret);
    const { tools } = await agent.listTools();
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['embed'],
    );
    const asked = f.worker.asked.length;
    const refused = refusedWith(await callTool(agent, 'perceive', seeing()));
    assert.equal(refused.code, 'insufficient_scope');
    assert.match(refused.detail ?? '', /scope generate/);
    assert.equal(f.worker.asked.length, asked);
    const embedded = await callTool(agent, 'embed', { inputs: { caption: 'a cone' } });
    assert.equal(embedded.isError, undefined);
    await agent.close();
  });

  test('the tenant of a tool is that of its key', async () => {
    const own = tenant();
    const agent = await connect(url(), (await make(own)).secret);
    f.worker.collectionAnswer = { collections: [], next: null };
    await callTool(agent, 'list_collections');
    assert.equal(f.worker.collectionAsked.at(-1)?.tenant, own);
    // Whose collections they are, workers know: they are asked for this tenant's alone.
    f.worker.failure = { code: 'unknown_collection', detail: 'there is no collection others' };
    const found = await callTool(agent, 'search', { collection: 'others', item: 'a' });
    f.worker.failure = undefined;
    assert.equal(refusedWith(found).code, 'unknown_collection');
    assert.equal(f.worker.collectionAsked.at(-1)?.tenant, own);
    await agent.close();
  });

  test('limits are those of the key: for tools, and for pictures of OpenAI', async () => {
    const own = { limits: { units_per_minute: 1 } };
    const { secret } = await make(tenant(), own);
    const agent = await connect(url(), secret);
    assert.equal((await callTool(agent, 'perceive', seeing())).isError, undefined);
    const full = refusedWith(await callTool(agent, 'perceive', seeing()));
    assert.equal(full.code, 'quota_exceeded');
    await agent.close();
    const of = (apiKey: string) => new OpenAI({ apiKey, baseURL: `${url()}/v1`, maxRetries: 0 });
    const refused = async (apiKey: string) => {
      const prompt = crypto.randomUUID();
      return await of(apiKey)
        .images.generate({ prompt })
        .catch((error: unknown) => error);
    };
    const many = await refused(secret);
    assert.ok(many instanceof RateLimitError);
    assert.equal(many.code, 'rate_limit_exceeded');
    const stranger = await refused('nonsense');
    assert.ok(stranger instanceof AuthenticationError);
    assert.equal(stranger.code, 'invalid_api_key');
    const other = await make(tenant(), { scopes: ['embed'] });
    assert.ok((await refused(other.secret)) instanceof PermissionDeniedError);
  });
}
