/**
 * Names of results. A result may be reused when its key is equal, because the worker is a pure function
 * of what the key covers: the model's bytes (digest), the inputs' bytes, every setting with the schema's
 * defaults filled in, the order of the targets (a chained target conditions the later ones), the seed,
 * and what is answered (`outputs`, `keep`). Defaults that depend on the modality are the engine's: whoever
 * changes those, or anything else that changes results without changing a digest, raises `RESULT_VERSION`.
 */
import type { GenerateRequest, InputValue } from '../api/generate.ts';
import { heldMask } from '../api/inputs.ts';
import { fromBase64 } from '../base64.ts';
import { itemAt } from '../lookup.ts';
import { hiddenParts } from '../plan/names.ts';
import { emptySequences, type RequestPlan } from '../plan/plan.ts';
import { canonicalJson, sha256 } from './content.ts';

export const RESULT_VERSION = 4;

/** Names that stand for files in `data` and `mask` -> sha256 of the file, in hex. */
export type Digests = ReadonlyMap<string, string>;

/** sha256 of a file, which is given by its name or as base64. */
const digestOf = async (data: string, digests: Digests): Promise<string> =>
  digests.get(data) ?? (await sha256(fromBase64(data)));

/** What is hidden of a picture, its mask by its bytes. That white hides need not be said, and is the same said. */
const describeHidden = (value: InputValue, digests: Digests): Promise<unknown[]> =>
  Promise.all(
    hiddenParts(value).map(async (part) => {
      if (!('mask' in part)) return part;
      const mask = await digestOf(heldMask(part.mask), digests);
      return { mask, ...(part.hides === 'transparent' && { hides: part.hides }) };
    }),
  );

/** Kind and content hash: a text never shares a key with a file of the same bytes. */
async function describeContent(
  value: InputValue,
  digests: Digests,
): Promise<{ kind: string; sha256: string }> {
  if (typeof value === 'string') return { kind: 'text', sha256: await sha256(value) };
  if ('text' in value) return { kind: 'text', sha256: await sha256(value.text) };
  if ('data' in value) return { kind: 'bytes', sha256: await digestOf(value.data, digests) };
  if ('ref' in value) return { kind: 'ref', sha256: value.ref };
  if ('upload' in value || 'url' in value)
    throw new Error('a key stands on bytes, which are not there');
  const kind = 'tokens' in value ? 'tokens' : 'value';
  const json = canonicalJson('tokens' in value ? value.tokens : value.value);
  return { kind, sha256: await sha256(json) };
}

async function describeInput(value: InputValue, digests: Digests): Promise<unknown> {
  const hidden = await describeHidden(value, digests);
  return { ...(await describeContent(value, digests)), ...(hidden.length > 0 && { hidden }) };
}

/** Inputs by their content, in any order. */
export async function describeInputs(
  inputs: GenerateRequest['inputs'],
  digests: Digests = new Map(),
): Promise<unknown> {
  const entries = Object.entries(inputs).map(
    async ([name, value]) => [name, await describeInput(value, digests)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** Named by id and digest, since the id is part of the answer. */
export interface KeyedModel {
  readonly id: string;
  readonly digest: string;
}

export interface ResultKey {
  /** sha256 in hex: the result's id and its place in the store. */
  readonly id: string;
  readonly seed: number;
}

/** The two things that name a model in a key. */
export const named = ({ id, digest }: KeyedModel): KeyedModel => ({ id, digest });

const drawSeed = (): number =>
  itemAt(crypto.getRandomValues(new Uint32Array(1)), 0, 'the drawn seed');

/**
 * The seed of a request: the one that it states, a drawn one for `random`, or the first 32 bits of the hash of its
 * content, so that equal requests have equal seeds.
 * @param content of the request without a seed
 */
export async function settleSeed(
  stated: GenerateRequest['seed'],
  content: unknown,
  draw: () => number = drawSeed,
): Promise<number> {
  if (stated === 'random') return draw();
  if (stated !== undefined) return stated;
  return Number.parseInt((await sha256(canonicalJson(content))).slice(0, 8), 16);
}

/**
 * The key of a request whose pictures are already bytes and whose references are already tokens (see the
 * edge's `normaliseInputs`); a plain string is text here.
 *
 * Without a seed, the first 32 bits of the seedless request's hash are the seed, so equal requests give
 * equal results; `random` draws one, and is found again only by the seed that was drawn. What is kept or
 * left undecoded does not change the seed.
 * @param digests of files that the request names instead of holding them
 * @param further models that make targets which the first one does not have
 * @throws DOMException when `data` is not base64
 */
export async function generateKey(
  model: KeyedModel,
  request: GenerateRequest,
  draw: () => number = drawSeed,
  further: readonly KeyedModel[] = [],
  digests?: Digests,
): Promise<ResultKey> {
  const content = {
    version: RESULT_VERSION,
    task: 'generate',
    model: named(model),
    further: further.map(named),
    inputs: await describeInputs(request.inputs, digests),
    preset: request.preset,
    targets: request.targets,
    chained: request.chained,
    num_samples: request.num_samples,
  };
  const seed = await settleSeed(request.seed, content, draw);
  const answered = { outputs: request.outputs ?? 'values', keep: request.keep ?? false };
  return { id: await sha256(canonicalJson({ ...content, ...answered, seed })), seed };
}

/**
 * What a chain's beginnings are remembered under (sha256 in hex), the shortest first; none when targets do not follow each other. A
 * target sees the opening sentinels of the texts that are still to come, so these are in its key; of what else
 * comes later it does not depend.
 */
export async function chainKeys(
  request: GenerateRequest,
  plan: RequestPlan,
  seed: number,
  digests?: Digests,
): Promise<string[]> {
  if (!plan.chained) return [];
  const inputs = await describeInputs(request.inputs, digests);
  const { samples } = plan;
  let before = await sha256(
    canonicalJson({ version: RESULT_VERSION, task: 'chain', inputs, samples, seed }),
  );
  const keys: string[] = [];
  for (const stage of plan.stages) {
    const model = { id: stage.model.id, digest: stage.model.digest };
    for (const [index, target] of stage.targets.entries()) {
      const coming = emptySequences(stage, index + 1).sort();
      const step = { before, model, target: target.plan, coming };
      before = await sha256(canonicalJson(step));
      keys.push(before);
    }
  }
  return keys;
}
