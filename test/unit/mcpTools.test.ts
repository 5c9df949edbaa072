/** What the tools of `/mcp` ask where several models are loaded, and the first of them cannot do it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAINT, PERCEIVE } from '../../edge/mcp/generateTools.ts';
import type { Tool } from '../../edge/mcp/tool.ts';
import { EMBED, SEARCH } from '../../edge/mcp/vectorTools.ts';
import type { Model } from '../../shared/api/models.ts';
import { MODEL } from '../support/fakeModel.ts';

/** It takes and makes depth alone. */
const DEPTH: Model = {
  ...MODEL,
  id: 'depths',
  modalities: MODEL.modalities.filter(({ name }) => name === 'depth'),
};

/** The body of the request that a call makes. */
async function bodyOf(tool: Tool, given: Record<string, unknown>, models: readonly Model[]) {
  const asked: unknown[] = [];
  const enough = new Error('enough');
  const call = async (_route: unknown, { body }: { readonly body?: unknown } = {}) => {
    asked.push(body);
    throw enough;
  };
  await assert.rejects(tool.run(given, { models, call, onProgress: undefined }), enough);
  return asked[0] as {
    readonly model?: unknown;
    readonly target?: unknown;
    readonly inputs: unknown;
  };
}

test('a tool asks the first model that can do it, as its schema says, where a call names none', async () => {
  const models = [DEPTH, MODEL];
  for (const [tool, given] of [
    [PAINT, { prompt: 'a cone' }],
    [PERCEIVE, { picture: 'https://example.com/a', targets: ['depth'] }],
    [EMBED, { inputs: { caption: 'a cone' } }],
  ] as const) {
    const { model } = tool.properties(models) as { model: { enum: string[] } };
    assert.deepEqual(model.enum, ['fake'], tool.name);
    assert.equal((await bodyOf(tool, given, models)).model, 'fake', tool.name);
    const named = await bodyOf(tool, { ...given, model: 'depths' }, models);
    assert.equal(named.model, 'depths', tool.name);
  }
  const { target, inputs } = await bodyOf(EMBED, { inputs: { caption: 'a cone' } }, models);
  assert.deepEqual([target, inputs], ['scene_global', { caption: 'a cone' }]);
});

test('a search takes texts also where only a later model reads them', async () => {
  const given = { collection: 'photos', inputs: { caption: 'a cone' } };
  assert.deepEqual((await bodyOf(SEARCH, given, [DEPTH, MODEL])).inputs, { caption: 'a cone' });
});
