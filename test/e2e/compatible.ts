/** Other people's clients against the product with the demo model: OpenAI's, and that of the Model Context Protocol. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import OpenAI, { APIError, toFile } from 'openai';
import sharp from 'sharp';
import { repositoryRoot } from '../../infra/stack.ts';
import { createClient } from '../../shared/client/index.ts';
import { callTool, connect } from '../edge/mcp.ts';

const CAPTION = 'a red sphere left of a blue box';

/** @param urlOf the product, once it runs */
export function compatibleTests(urlOf: () => string): void {
  const openAi = () => new OpenAI({ apiKey: 'none', baseURL: `${urlOf()}/v1`, maxRetries: 0 });
  const ours = () => createClient({ baseUrl: urlOf() });
  const scene = () => readFile(join(repositoryRoot, 'examples/scene-1.png'));
  const bytesOf = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64');
  const pngOf = async (request: Parameters<ReturnType<typeof ours>['generateFile']>[0]) =>
    Buffer.from(await (await ours().generateFile(request)).arrayBuffer());

  test("OpenAI's client gets the picture that /v1/generate paints, whole and in events", async () => {
    const expected = await pngOf({ inputs: { caption: CAPTION }, targets: ['rgb'] });
    const { data, usage } = await openAi().images.generate({ prompt: CAPTION, size: '64x64' });
    assert.deepEqual(bytesOf(data?.[0]?.b64_json), expected);
    const { width, height } = await sharp(expected).metadata();
    assert.deepEqual([width, height], [64, 64]);
    assert.ok((await sharp(expected).stats()).channels[0]!.stdev > 10, 'it shows something');
    assert.ok((usage?.output_tokens ?? 0) > 0 && (usage?.input_tokens ?? 0) > 0);
    const stream = await openAi().images.generate({
      prompt: `${CAPTION} on a floor`,
      stream: true,
      partial_images: 3,
    });
    const types: string[] = [];
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === 'image_generation.partial_image')
        assert.equal(event.partial_image_index, types.length - 1);
      const shown = await sharp(bytesOf(event.b64_json)).metadata();
      assert.equal(shown.width, 64);
    }
    assert.equal(types.pop(), 'image_generation.completed');
    assert.ok(types.length <= 3 && types.every((type) => type.endsWith('partial_image')));
  });

  test('an edit paints what is transparent, and keeps every token of the rest', async () => {
    const image = await scene();
    // The right half, and one pixel of the left.
    const opacity = (x: number, y: number) => (x >= 32 || (x === 3 && y === 60) ? 0 : 255);
    const masked = (side: number, of: typeof opacity) =>
      sharp(
        Uint8Array.from({ length: side * side * 4 }, (_, i) => {
          const pixel = Math.floor(i / 4);
          return i % 4 === 3 ? of(pixel % side, Math.floor(pixel / side)) : 90;
        }),
        { raw: { width: side, height: side, channels: 4 } },
      )
        .png()
        .toBuffer();
    const mask = await masked(64, opacity);
    const file = (bytes: Buffer, name: string) => toFile(bytes, name, { type: 'image/png' });
    const edit = async (bytes: Buffer | undefined) =>
      await openAi().images.edit({
        image: await file(image, 'scene.png'),
        ...(bytes && { mask: await file(bytes, 'mask.png') }),
        prompt: CAPTION,
      });
    const [picture] = (await edit(mask)).data ?? [];
    const request = {
      inputs: {
        caption: CAPTION,
        rgb: {
          data: image.toString('base64'),
          hide: { mask: mask.toString('base64'), hides: 'transparent' as const },
        },
      },
      targets: ['rgb'],
    };
    assert.deepEqual(bytesOf(picture?.b64_json), await pngOf(request));
    const painted = (await ours().generate(request)).outputs.rgb?.[0]?.tokens ?? [];
    const given = (await ours().tokenize({ inputs: { rgb: image } })).inputs.rgb?.tokens ?? [];
    const side = Math.sqrt(given.length);
    const cell = 64 / side;
    const isHidden = (i: number): boolean => {
      const [column, row] = [i % side, Math.floor(i / side)];
      return (
        column >= side / 2 || (column === Math.floor(3 / cell) && row === Math.floor(60 / cell))
      );
    };
    assert.equal(painted.length, given.length);
    const changed = painted.flatMap((id, i) => (id === given[i] ? [] : [i]));
    assert.deepEqual(
      changed.filter((i) => !isHidden(i)),
      [],
    );
    assert.ok(changed.length > given.length / 10, 'the hidden part is painted anew');
    for (const [bytes, param, message] of [
      [await masked(32, opacity), 'mask', /32 x 32 pixels/],
      [await masked(64, () => 255), 'mask', /no transparent pixel/],
      [undefined, 'image', /no transparent pixel/],
      [await masked(64, () => 0), 'mask', /everything .* is hidden/],
      [mask.subarray(0, 60), 'mask', /decoded/],
    ] as const) {
      const error = await edit(bytes).catch((reason: unknown) => reason);
      assert.ok(error instanceof APIError, String(error));
      assert.deepEqual([error.status, error.param], [400, param]);
      assert.match(error.message, message);
    }
  });

  test('an agent sees, paints, embeds and searches by the official client', async () => {
    const agent = await connect(urlOf());
    const picture = (await scene()).toString('base64');
    const rgb = { data: picture };
    const seen = await callTool(agent, 'perceive', { picture, targets: ['depth'] });
    const images = seen.content.flatMap((part) => (part.type === 'image' ? [part.data] : []));
    assert.deepEqual(
      bytesOf(images[0]),
      await pngOf({ inputs: { rgb }, targets: ['depth'], keep: true }),
    );
    // What was seen is what is painted from, without the bytes of a picture.
    const { outputs } = seen.structuredContent as { outputs: { depth: { ref: string }[] } };
    const depth = outputs.depth[0]?.ref;
    const again = await callTool(agent, 'paint', { inputs: { depth } });
    assert.deepEqual(
      again.content.map(({ type }) => type),
      ['text', 'image', 'text'],
    );
    const made = again.structuredContent as { outputs: { rgb: { ref: string }[] } };
    const looked = await callTool(agent, 'perceive', {
      picture: made.outputs.rgb[0]?.ref,
      targets: ['caption'],
    });
    assert.equal(looked.isError, undefined, JSON.stringify(looked.content));
    const painted = await callTool(agent, 'paint', { prompt: CAPTION });
    const [, image] = painted.content;
    const expected = await pngOf({ inputs: { caption: CAPTION }, targets: ['rgb'], keep: true });
    assert.deepEqual(bytesOf(image?.type === 'image' ? image.data : ''), expected);
    const { structuredContent: embedded } = await callTool(agent, 'embed', {
      inputs: { rgb: picture },
    });
    const { items } = await ours().embed({ inputs: { rgb }, target: 'scene_global' });
    assert.deepEqual(embedded?.vector, items[0]?.embedding?.values);
    await ours().createCollection({
      name: 'agents',
      embedding: { kind: 'target', target: 'scene_global' },
    });
    await ours().addItems('agents', [
      { id: 'scene', inputs: { rgb } },
      { id: 'cone', inputs: { caption: 'a green cone' } },
    ]);
    const found = await callTool(agent, 'search', {
      collection: 'agents',
      inputs: { caption: 'one large green cone' },
      k: 1,
    });
    const { results } = found.structuredContent as { results: { id: string }[] };
    assert.deepEqual(
      results.map(({ id }) => id),
      ['cone'],
    );
    const listed = await callTool(agent, 'list_collections');
    const { collections } = listed.structuredContent as { collections: { name: string }[] };
    assert.ok(collections.some(({ name }) => name === 'agents'));
    await agent.close();
  });
}
