/**
 * Forward requests -> graph feeds -> results. Requests of one shape share a batch, so nothing is padded
 * and no mask is ever set.
 */
import type {
  DecodeRequest,
  EncodeRequest,
  ForwardRequest,
  ForwardResult,
} from '../engine/forward.ts';
import type { FloatTensor, IntTensor, LoadedModelSet, Tensor } from '../session/types.ts';
import type { RunRequests } from './lockstep.ts';

/** What of a loaded model this needs. */
export type ForwardModel = Pick<LoadedModelSet, 'fm' | 'encoder' | 'decoder'>;

/** Rows computed in one run at most: bounds the memory of a batch. */
const ROWS_A_RUN = 8;

const int64 = (dims: readonly number[], values: readonly number[]): IntTensor => ({
  type: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});

function concatenated(dims: readonly number[], parts: readonly Float32Array[]): FloatTensor {
  const data = new Float32Array(dims.reduce((product, size) => product * size, 1));
  let offset = 0;
  for (const part of parts) {
    data.set(part, offset);
    offset += part.length;
  }
  return { type: 'float32', dims, data };
}

const emptyMask = (rows: number, tokens: number): Tensor => ({
  type: 'bool',
  dims: [rows, tokens],
  data: new Uint8Array(rows * tokens),
});

function floats(outputs: Readonly<Record<string, Tensor>>, name: string): FloatTensor {
  const tensor = outputs[name];
  if (tensor?.type !== 'float32') throw new Error(`graph output ${name} is missing or not float32`);
  return tensor;
}

async function runEncoder(
  { fm, encoder }: ForwardModel,
  requests: readonly EncodeRequest[],
): Promise<ForwardResult[]> {
  const rows = requests.length;
  const feeds: Record<string, Tensor> = {};
  let tokens = 0;
  for (const name of fm.config.domains_in) {
    const info = fm.modalities[name]!;
    const visible = requests.map(({ state }) => state.get(name));
    const count = visible[0]?.positions.length ?? 0;
    tokens += count;
    feeds[`${name}.positions`] = int64(
      [rows, count],
      visible.flatMap((part) => part?.positions ?? []),
    );
    const contents = visible.flatMap((part) => (part ? [part.content] : []));
    if (info.pixels || info.type === 'seq_emb') {
      const width = info.pixels ? 3 * info.patch_size! ** 2 : (info.embedding_size ?? 4096);
      const input = `${name}.${info.pixels ? 'patches' : 'embeddings'}`;
      const parts = contents.map((part) => (part.kind === 'rows' ? part.rows : new Float32Array()));
      feeds[input] = concatenated([rows, count, width], parts);
    } else {
      const ids = contents.flatMap((part) => (part.kind === 'ids' ? part.ids : []));
      feeds[`${name}.ids`] = int64([rows, count], ids);
    }
  }
  feeds.mask = emptyMask(rows, tokens);
  const { data } = floats(await encoder.run(feeds, ['context']), 'context');
  const size = (fm.config.num_register_tokens + tokens) * fm.config.dim;
  return requests.map(({ key }, row) => ({
    kind: 'encode',
    context: { key, tokens, data: data.slice(row * size, (row + 1) * size) },
  }));
}

async function runDecoder(
  { fm, decoder }: ForwardModel,
  requests: readonly DecodeRequest[],
): Promise<ForwardResult[]> {
  const rows = requests.length;
  const { modality, causal, positions, context } = requests[0]!;
  const count = positions.length;
  const feeds: Record<string, Tensor> = {};
  for (const name of fm.config.domains_out) {
    const decoded = name === modality;
    const dims = [rows, decoded ? count : 0];
    const all = (part: 'positions' | 'ids') => requests.flatMap((request) => request[part] ?? []);
    feeds[`${name}.positions`] = int64(dims, decoded ? all('positions') : []);
    if (fm.modalities[name]!.type === 'seq') {
      feeds[`${name}.ids`] = int64(dims, decoded ? all('ids') : []);
    }
  }
  const contexts = requests.map((request) => request.context.data);
  const length = fm.config.num_register_tokens + context.tokens;
  feeds.context = concatenated([rows, length, fm.config.dim], contexts);
  feeds.mask = emptyMask(rows, context.tokens);
  feeds.causal = { type: 'bool', dims: [], data: Uint8Array.of(causal ? 1 : 0) };
  const name = `${modality}.logits`;
  const { data } = floats(await decoder.run(feeds, [name]), name);
  const vocabulary = fm.modalities[modality]!.vocab_size!;
  // A causal request wants the prediction after its last token only.
  const wanted = causal ? 1 : count;
  return requests.map((_, row) => {
    const end = (row + 1) * count * vocabulary;
    const logits = data.subarray(end - wanted * vocabulary, end);
    return { kind: 'decode', logits: { rows: wanted, vocabulary, data: logits } };
  });
}

/** Requests with the same shape can be rows of one batch. */
function shape(request: ForwardRequest, domains: readonly string[]): string {
  if (request.kind === 'encode') {
    const counts = domains.map((name) => request.state.get(name)?.positions.length ?? 0);
    return `encode ${counts.join()}`;
  }
  const { modality, positions, context, causal } = request;
  return `decode ${modality} ${positions.length} ${context.tokens} ${causal}`;
}

/** Runs requests on a loaded model, those of one shape together. */
export function forwardRunner(model: ForwardModel): RunRequests {
  return async (requests) => {
    const byShape = new Map<string, number[]>();
    for (const [i, request] of requests.entries()) {
      const key = shape(request, model.fm.config.domains_in);
      byShape.set(key, [...(byShape.get(key) ?? []), i]);
    }
    const results = new Array<ForwardResult>(requests.length);
    for (const indices of byShape.values()) {
      for (let start = 0; start < indices.length; start += ROWS_A_RUN) {
        const batch = indices.slice(start, start + ROWS_A_RUN);
        const rows = batch.map((i) => requests[i]!);
        const encodes = rows.filter((request) => request.kind === 'encode');
        const decodes = rows.filter((request) => request.kind === 'decode');
        const answers =
          encodes.length > 0 ? await runEncoder(model, encodes) : await runDecoder(model, decodes);
        for (const [i, index] of batch.entries()) results[index] = answers[i]!;
      }
    }
    return results;
  };
}
