/** Examples of operations that speak as other APIs do: OpenAI's, and the Model Context Protocol. */
import type { Example } from './example.ts';

export const COMPATIBLE_EXAMPLES = {
  embeddings: [{ body: { model: '4m-shapes', input: ['a red sphere', 'two cones'] } }],
  imageGenerations: [{ body: { prompt: 'a red sphere left of a blue box', n: 1 } }],
  imageEdits: [
    {
      body: {
        image: { data: '@picture.png' },
        mask: { data: '@mask.png' },
        prompt: 'a green cone',
      },
    },
  ],
  mcp: [
    {
      title: 'The tools that there are',
      headers: { Accept: 'application/json, text/event-stream' },
      body: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    },
    {
      title: 'A tool is called',
      headers: { Accept: 'application/json, text/event-stream' },
      body: {
        jsonrpc: '2.0',
        id: 2,
        method: 'tools/call',
        params: { name: 'embed', arguments: { inputs: { caption: 'a red sphere' } } },
      },
    },
  ],
} as const satisfies Record<string, readonly Example[]>;
