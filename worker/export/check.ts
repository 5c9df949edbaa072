/** The run that ends an export: every graph on a fixed input, their outputs' digest and time. */
import { createHash } from 'node:crypto';
import { toHalves } from '../../shared/half.ts';
import { fieldOf } from '../../shared/lookup.ts';
import type { FmManifest, Manifest } from '../../shared/model/manifest.ts';
import type { Dimension, GraphSignature } from '../../shared/model/signature.ts';
import { fusedRunner } from '../batching/runner.ts';
import { type ForwardRequest, GREEDY } from '../engine/forward.ts';
import type { GraphSession, Tensor } from '../session/types.ts';
import { ExportError } from './errors.ts';

/** Tokens given of each input and target modality. */
const TOKENS = 2;
/** Side of the pictures given: enough for a check, where a diffusion step at 448 takes 15 seconds. */
const LARGEST_PICTURE = 224;

/**
 * Runs all graphs of a model in the order of its manifest. The digest is the machine's own (float sums
 * differ between CPU types); it shows whether a later export on this machine computes the same.
 * @throws ExportError `check_failed` where an output is not finite; SessionError where a graph does not run
 */
export async function checkExport(
  manifest: Manifest,
  graphs: Readonly<Record<string, GraphSession>>,
): Promise<Manifest['check']> {
  const sizes = dimensionSizes(manifest);
  const started = performance.now();
  const outputs: Record<string, Tensor> = {};
  const { generate, write, ...plain } = graphs;
  for (const graph of Object.values(plain)) {
    const feeds = {
      ...fixedFeeds(graph.signature, sizes),
      ...pickInputs(graph.signature, outputs),
    };
    Object.assign(outputs, await graph.run(feeds));
  }
  const generated =
    generate && manifest.kind === 'fm' ? await generateSome(manifest, generate, write) : [];
  const milliseconds = Math.round(performance.now() - started);
  const hash = createHash('sha256');
  for (const [name, tensor] of Object.entries(outputs)) {
    if (tensor.type === 'float32' && !tensor.data.every(Number.isFinite))
      throw new ExportError(
        'check_failed',
        `${manifest.id}: output ${name} is not finite, although all weights are: the numbers of this config grow past what float32 holds`,
      );
    hash.update(name);
    hash.update(tensor.data);
  }
  hash.update(JSON.stringify(generated));
  return { outputs: hash.digest('hex'), milliseconds };
}

/** The first picture target, and the beginning of the first sequence, from nothing. @returns their ids */
async function generateSome(
  manifest: FmManifest,
  graph: GraphSession,
  writer: GraphSession | undefined,
): Promise<number[]> {
  const { config, modalities } = manifest;
  const first = (type: string) =>
    config.domains_out.find((name) => fieldOf(modalities, name, 'modalities').type === type) ?? '';
  const common = { conditions: [{ state: new Map(), weight: 1 }], sampling: GREEDY };
  const [picture, sequence] = [first('img'), first('seq')];
  const requests: ForwardRequest[] = [];
  const positions = Array.from({ length: TOKENS }, (_, i) => i);
  const draws = positions.map(() => 0);
  if (picture)
    requests.push({ kind: 'predict', modality: picture, step: 0, positions, draws, ...common });
  if (sequence)
    requests.push({ kind: 'write', modality: sequence, ids: [0], draws, stops: [], ...common });
  const results = await fusedRunner(manifest, graph, writer)(requests);
  return results.flatMap(({ ids }) => [...ids]);
}

/** Sizes to give the signatures' named dimensions; an FM's others are tokens of one modality each. */
function dimensionSizes(manifest: Manifest): (dimension: string) => number {
  if (manifest.kind === 'fm' || manifest.kind === 'fmvit') {
    const known: Record<string, number> = { B: 1, N: TOKENS * manifest.config.domains_in.length };
    return (dimension) => known[dimension] ?? TOKENS;
  }
  const { image_size, patch_size, patch_proj } = manifest.config;
  const grid = Math.max(1, Math.floor(Math.min(image_size, LARGEST_PICTURE) / patch_size));
  const side = patch_proj ? grid * patch_size : grid;
  const known: Record<string, number> = { B: 1, h: grid, w: grid };
  return (dimension) => known[dimension] ?? side;
}

/** Outputs of earlier graphs that are inputs of this one: an FM's context, a tokenizer's ids or codes. */
const pickInputs = (
  signature: GraphSignature,
  tensors: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> =>
  Object.fromEntries(
    signature.inputs
      .filter((input) => Object.hasOwn(tensors, input.name))
      .map((input) => [input.name, fieldOf(tensors, input.name, 'outputs of earlier graphs')]),
  );

function fixedFeeds(
  signature: GraphSignature,
  sizeOf: (dimension: string) => number,
): Record<string, Tensor> {
  const sizes = (dims: readonly Dimension[]) =>
    dims.map((dimension) => (typeof dimension === 'number' ? dimension : sizeOf(dimension)));
  return Object.fromEntries(
    signature.inputs.map(({ name, type, dims: named }): [string, Tensor] => {
      const dims = sizes(named);
      const count = dims.reduce((product, size) => product * size, 1);
      if (type === 'bool') return [name, { type, dims, data: new Uint8Array(count) }];
      // Ids and positions 0 and 1 exist in every table.
      if (type === 'int64')
        return [
          name,
          { type, dims, data: BigInt64Array.from({ length: count }, (_, i) => BigInt(i % 2)) },
        ];
      const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
      return [
        name,
        type === 'float16' ? { type, dims, data: toHalves(data) } : { type, dims, data },
      ];
    }),
  );
}
