/** `/mcp`, asked by the official client of the Model Context Protocol. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { type CallToolResult, ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { PNG, PNG_URL } from '../support/fakeWorker.ts';
import { freshPicture } from '../support/pictures.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

/** A client that has shaken hands. */
export async function connect(url: string, key?: string): Promise<Client> {
  const client = new Client({ name: 'tests', version: '1' });
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
    requestInit: { headers },
  });
  // The types of the SDK do not know exact optional properties.
  await client.connect(transport as unknown as Parameters<Client['connect']>[0]);
  return client;
}

/** The problem that a tool was refused with. */
export function refusedWith(result: CallToolResult): { code?: string; detail?: string } {
  assert.equal(result.isError, true, JSON.stringify(result).slice(0, 300));
  return result._meta?.['4m-edge/problem'] as { code: string; detail: string };
}

export async function callTool(
  client: Client,
  name: string,
  given: Record<string, unknown> = {},
): Promise<CallToolResult> {
  return (await client.callTool({ name, arguments: given })) as CallToolResult;
}

const pictures = ({ content }: CallToolResult): string[] =>
  content.flatMap((part) => (part.type === 'image' ? [part.data] : []));

export function mcpTests(f: Fixture): void {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${f.url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
  const statusOf = async (body: object): Promise<string | null> => {
    const answer = await fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return answer.headers.get('cache-status');
  };

  test('tools are those of the served model, with schemas of what it takes and makes', async () => {
    const client = await connect(f.url);
    const { tools } = await client.listTools();
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['perceive', 'paint', 'embed', 'search', 'list_models', 'list_collections'],
    );
    for (const { description, inputSchema, outputSchema } of tools) {
      assert.ok((description?.length ?? 0) > 20);
      assert.equal(inputSchema.additionalProperties, false);
      assert.equal(outputSchema?.type, 'object');
    }
    const [perceive] = tools;
    const targets = perceive?.inputSchema.properties?.targets as { items: { enum: string[] } };
    assert.deepEqual(targets.items.enum, ['depth', 'caption', 'scene_global']);
    assert.equal(client.getServerVersion()?.name, '4m-edge');
    assert.match(client.getInstructions() ?? '', /modal/);
    await client.close();
  });

  test('a picture goes in and pictures come out, which are results of /v1/generate', async () => {
    const client = await connect(f.url);
    const { url } = freshPicture();
    const seen = await callTool(client, 'perceive', {
      picture: url,
      targets: ['depth', 'caption'],
    });
    assert.deepEqual(pictures(seen), [PNG.toString('base64')]);
    const { outputs } = seen.structuredContent as { outputs: { caption: { text: string }[] } };
    assert.equal(outputs.caption[0]?.text, 'a réd sphere');
    assert.deepEqual(
      JSON.parse((seen.content.at(-1) as { text: string }).text),
      seen.structuredContent,
    );
    const same = { inputs: { rgb: url }, targets: ['depth', 'caption'], keep: true };
    assert.equal(await statusOf(same), 'fourm-edge; hit');
    // Beyond 100,000 characters texts are taken out of the JSON before it is read.
    const large = freshPicture(120_000);
    const base64 = large.bytes.toString('base64');
    const again = await callTool(client, 'perceive', { picture: base64, targets: ['depth'] });
    assert.equal(again.isError, undefined, JSON.stringify(again.content));
    const sent = f.worker.asked.at(-1)?.request.inputs.rgb;
    assert.deepEqual(sent, { data: base64 });

    const prompt = crypto.randomUUID();
    const painted = await callTool(client, 'paint', { prompt, samples: 2, seed: 3 });
    assert.deepEqual(pictures(painted), [PNG.toString('base64'), PNG.toString('base64')]);
    const paint = {
      inputs: { caption: prompt },
      targets: ['rgb'],
      num_samples: 2,
      seed: 3,
      keep: true,
    };
    assert.equal(await statusOf(paint), 'fourm-edge; hit');
    const hide = { box: [0, 0, 0.5, 0.5] };
    await callTool(client, 'paint', { picture: url, hide, inputs: { caption: 'a cone' } });
    assert.deepEqual(f.worker.asked.at(-1)?.request.inputs, {
      caption: 'a cone',
      rgb: { data: url.slice(url.indexOf(',') + 1), hide },
    });
    await client.close();
  });

  test('an answer is named in a later call, since an agent cannot copy the bytes of a picture', async () => {
    const client = await connect(f.url);
    const seen = await callTool(client, 'perceive', {
      picture: freshPicture().url,
      targets: ['caption'],
    });
    const { outputs } = seen.structuredContent as { outputs: { caption: { ref: string }[] } };
    const ref = outputs.caption[0]?.ref;
    const kept = await (await fetch(`${f.url}/v1/tokens/${ref}`)).json();
    const painted = await callTool(client, 'paint', { inputs: { caption: ref } });
    assert.equal(painted.isError, undefined, JSON.stringify(painted.content));
    assert.deepEqual(f.worker.asked.at(-1)?.request.inputs.caption, {
      tokens: (kept as { tokens: number[] }).tokens,
    });
    await client.close();
  });

  test('vectors, collections and models', async () => {
    const client = await connect(f.url);
    const { structuredContent } = await callTool(client, 'embed', {
      inputs: { caption: 'a red cube' },
    });
    const { vector, target } = structuredContent as { vector: number[]; target: string };
    assert.deepEqual([vector.length, target], [8, 'scene_global']);
    const listed = await callTool(client, 'list_models');
    const { models } = listed.structuredContent as { models: { id: string; makes: string[] }[] };
    assert.deepEqual(models[0]?.makes, ['rgb', 'depth', 'caption', 'scene_global']);
    f.worker.collectionAnswer = { collections: [], next: null };
    const none = await callTool(client, 'list_collections');
    assert.deepEqual(none.structuredContent, { collections: [], next: null });
    f.worker.failure = { code: 'unknown_collection', detail: 'there is no collection photos' };
    const found = await callTool(client, 'search', { collection: 'photos', item: 'a' });
    f.worker.failure = undefined;
    assert.equal(refusedWith(found).code, 'unknown_collection');
    await client.close();
  });

  test('progress is told where it is asked for', async () => {
    const client = await connect(f.url);
    const told: [number, string | undefined][] = [];
    const seen = await client.callTool(
      { name: 'perceive', arguments: { picture: freshPicture().url, targets: ['depth'] } },
      undefined,
      { onprogress: ({ progress, message }) => told.push([progress, message]) },
    );
    assert.equal(pictures(seen as CallToolResult).length, 1);
    assert.deepEqual(told, [
      [0.5, 'depth: step 1 of 2'],
      [1, 'depth: step 2 of 2'],
    ]);
    await client.close();
  });

  test('what a tool refuses is a result that an agent can read; what is no tool is an error', async () => {
    const client = await connect(f.url);
    const unknown = await callTool(client, 'draw').catch((error: unknown) => error);
    assert.ok(unknown instanceof McpError);
    assert.equal(unknown.code, ErrorCode.InvalidParams);
    const targets = ['depth'];
    for (const [name, given, code, detail] of [
      ['perceive', {}, 'invalid_request', /needs the argument picture/],
      ['perceive', { picture: PNG_URL, targets, size: 3 }, 'invalid_request', /no argument size/],
      ['perceive', { picture: PNG_URL, targets: ['sound'] }, 'unknown_target', /sound/],
      ['perceive', { picture: PNG_URL, targets: 'depth' }, 'invalid_request', /list/],
      ['perceive', { picture: 'aGVsbG8=', targets }, 'invalid_image', /PNG/],
      ['perceive', { picture: 7, targets }, 'invalid_input', /./],
      ['perceive', { picture: '/home/me/a.png', targets }, 'invalid_input', /another machine/],
      ['perceive', { picture: PNG_URL, targets, model: 'x' }, 'model_not_loaded', /x is not/],
      ['perceive', { picture: PNG_URL, targets, seed: -1 }, 'invalid_request', /seed/],
      ['paint', {}, 'invalid_request', /at least one input/],
      ['paint', { prompt: 'x', hide: { box: [0, 0, 1, 1] } }, 'invalid_request', /picture/],
      ['paint', { prompt: 'x', samples: 99 }, 'invalid_request', /num_samples/],
      ['embed', { inputs: { sound: 'x' } }, 'unknown_modality', /sound/],
      ['embed', { inputs: 'x' }, 'invalid_request', /./],
      ['search', { collection: '../models' }, 'unknown_collection', /./],
    ] as const) {
      const problem = refusedWith(await callTool(client, name, given));
      assert.equal(problem.code, code, `${name} ${JSON.stringify(given).slice(0, 80)}`);
      assert.match(problem.detail ?? '', detail);
    }
    f.worker.failure = { code: 'overloaded', detail: 'full', retryAfterSeconds: 2 };
    const full = await callTool(client, 'perceive', { picture: freshPicture().url, targets });
    f.worker.failure = undefined;
    assert.equal(refusedWith(full).code, 'overloaded');
    assert.match((full.content[0] as { text: string }).text, /Try again in 2 seconds/);
    await client.close();
  });

  test('what is no message of the protocol is refused, as a problem and as an error of JSON-RPC', async () => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await fetch(`${f.url}/mcp`, { method });
      assert.equal(answer.headers.get('allow'), 'POST, OPTIONS');
      await problemOf(answer, 'method_not_allowed');
    }
    for (const [body, headers, code, rpc] of [
      ['{', {}, 'invalid_json', -32700],
      [[PING], {}, 'invalid_request', -32600],
      [{ id: 1 }, {}, 'invalid_request', -32600],
      ['', {}, 'empty_request', -32600],
      [{ ...PING, params: { _meta: { x: 'x'.repeat(250_000) } } }, {}, 'too_large', -32000],
      [PING, { 'mcp-protocol-version': '1999-01-01' }, 'invalid_request', -32600],
      [PING, { accept: 'application/json' }, 'not_acceptable', -32000],
      [PING, { 'content-type': 'text/plain' }, 'unsupported_media_type', -32000],
      [PING, { origin: 'https://evil.example' }, 'forbidden_origin', -32000],
      [PING, { origin: 'null' }, 'forbidden_origin', -32000],
    ] as const) {
      const answer = await post(body, headers);
      const { error } = (await answer.clone().json()) as { error: { code: number } };
      await problemOf(answer, code);
      assert.equal(error.code, rpc, code);
    }
    const here = await post(PING, { origin: 'http://localhost:3000' });
    assert.deepEqual(await here.json(), { jsonrpc: '2.0', id: 1, result: {} });
    const note = await post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    assert.equal(note.status, 202);
    assert.equal(await note.text(), '');
    for (const params of [undefined, { name: 5 }, { name: 'paint', arguments: 'x' }]) {
      const wrong = await post({ jsonrpc: '2.0', id: 2, method: 'tools/call', params });
      const { error } = (await wrong.json()) as { error: { code: number; message: string } };
      assert.equal(error.code, ErrorCode.InvalidParams);
      assert.match(error.message, /^tools\/call: params/);
    }
    const none = await post({ jsonrpc: '2.0', id: 2, method: 'resources/list' });
    assert.equal(((await none.json()) as { error: { code: number } }).error.code, -32601);
  });
}
