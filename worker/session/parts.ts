/**
 * Runs a graph part by part from its exported folder, loading each part's weights for the time of its
 * run only. Slow, and within bounded memory whatever the size of the model: for checks, not for serving.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { valueAt } from '../../shared/lookup.ts';
import type { GraphContent } from '../onnx/graph.ts';
import { encodePart, splitGraph } from '../onnx/split.ts';
import { createRowStore } from './rows.ts';
import type { Runtime } from './runtime.ts';
import { type GraphSession, SessionError, type Tensor } from './types.ts';

/**
 * A session that holds nothing between two runs.
 * @param folder holds the weights; the parts' graphs are written beside them for a moment
 * @param limit bytes of weights in memory at once
 */
export function openParts(
  runtime: Runtime,
  folder: string,
  content: GraphContent,
  limit: number,
): GraphSession {
  const parts = splitGraph(content, limit);
  const rows = createRowStore();
  const file = join(folder, `part-of-${content.name.replaceAll(' ', '-')}.onnx`);
  return {
    signature: content.signature,
    async run(feeds, asked = content.signature.outputs.map(({ name }) => name), options = {}) {
      const { rowFeeds = [], keepRows = [] } = options;
      const outputs = [...asked, ...keepRows.flatMap(({ names }) => names)];
      const values = new Map<string, Tensor>(Object.entries(feeds));
      for (const given of rowFeeds)
        for (const [name, tensor] of Object.entries(rows.feeds(given))) values.set(name, tensor);
      const found = (name: string) => valueAt(values, name, `graph ${content.name}`);
      try {
        for (const [i, part] of parts.entries()) {
          const graph = `${content.name}, part ${i + 1} of ${parts.length}`;
          const data = encodePart(content, part, (name) => {
            const value = values.get(name);
            if (!value) throw new SessionError(`graph ${graph}: input ${name} is missing`);
            return { type: value.type, rank: value.dims.length };
          });
          await writeFile(file, data);
          await runtime.request({ kind: 'load', graph, file, transient: true });
          const inputs = Object.fromEntries(part.inputs.map((name) => [name, found(name)]));
          const result = await runtime.request({
            kind: 'run',
            graph,
            feeds: inputs,
            outputs: part.outputs,
          });
          await runtime.request({ kind: 'release', graph });
          if (result.kind !== 'outputs')
            throw new SessionError(`graph ${graph}: unexpected answer`);
          for (const [name, value] of Object.entries(result.tensors)) values.set(name, value);
          forget(values, parts.slice(i + 1), outputs);
        }
      } finally {
        await rm(file, { force: true });
      }
      for (const keep of keepRows) rows.keep(keep, Object.fromEntries(values));
      return Object.fromEntries(asked.map((name) => [name, found(name)]));
    },
    forgetRows: rows.forget,
    close: () => Promise.resolve(),
  };
}

/** Drops what no later part and no output needs. */
function forget(
  values: Map<string, Tensor>,
  later: readonly { readonly inputs: readonly string[] }[],
  outputs: readonly string[],
): void {
  const needed = new Set([...outputs, ...later.flatMap((part) => part.inputs)]);
  for (const name of values.keys()) if (!needed.has(name)) values.delete(name);
}
