/** `GET /v1/tokens/{ref}`: kept tokens as JSON, or decoded as what they stand for. */
import { refSchema } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { detokenizeRequestSchema, type KeptTokens } from '../../shared/api/tokens.ts';
import { presentationSchema } from '../../shared/model/modalities.ts';
import { isTextual } from '../../shared/model/presentations.ts';
import { canonicalJson, sha256 } from '../../shared/results/content.ts';
import type { TokenStore } from '../../shared/results/keptTokens.ts';
import { assertComplete } from '../../shared/results/references.ts';
import { negotiate, type Representation, represent, wantedTypes } from '../accept.ts';
import { decodeTokens } from '../compute/decodeTokens.ts';
import { isKnown } from '../conditional.ts';
import { assertServed } from '../licence.ts';
import { loadedModels } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import { computedNow, provenanceHeaders } from '../provenance.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';

/** The model that made the tokens, or another that has the same modality and vocabulary. */
function decoderOf(kept: KeptTokens, models: readonly Model[]): Model {
  const has = (model: Model): boolean =>
    model.modalities.some(
      ({ modalities, vocabulary }) =>
        modalities.includes(kept.modality) && vocabulary === kept.vocabulary,
    );
  const found =
    models.find((model) => model.id === kept.model.id && has(model)) ?? models.find(has);
  if (found) return found;
  const loaded = models.map(({ id }) => id).join(', ');
  const detail = `no loaded model decodes ${kept.modality} of ${kept.model.id}; loaded: ${loaded}`;
  throw refusal('model_not_loaded', detail);
}

async function findKept(c: EdgeContext, tokens: TokenStore): Promise<KeptTokens> {
  const ref = refSchema.safeParse(c.req.param('ref'));
  if (ref.success) return await tokens.find(ref.data, pointerTo('ref'));
  const detail = 'a reference is sha256: and 64 hexadecimal digits';
  throw refusal('invalid_request', detail, pointerTo('ref'));
}

/** A number of the query, or the text for the schema to refuse. */
const numberOf = (text: string | undefined): unknown =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : text;

interface Answer extends Representation {
  readonly provenance: Readonly<Record<string, string>>;
}

/**
 * What a reference names never changes, so a copy of it holds for ever.
 * @param of what the representation follows from: whoever has it already is told so before it is made
 */
async function answer(
  c: EdgeContext,
  of: string | Uint8Array<ArrayBuffer>,
  make: () => Promise<Answer>,
): Promise<Response> {
  const etag = `"${await sha256(of)}"`;
  const headers = {
    etag,
    vary: 'accept',
    'cache-control': 'private, max-age=31536000, immutable',
  };
  if (isKnown(c.req.header('if-none-match'), etag)) return c.body(null, { status: 304, headers });
  const { body, contentType, provenance } = await make();
  return c.body(body, { headers: { ...headers, ...provenance, 'content-type': contentType } });
}

export function createTokensRoute(services: Services) {
  const { keptFor } = services;

  return async (c: EdgeContext): Promise<Response> => {
    const kept = await findKept(c, keptFor(tenantOf(c)).tokens);
    const { modality } = kept;
    const presentation = presentationSchema.safeParse(kept.presentation);
    const type = presentation.success && isTextual(presentation.data) ? 'seq' : 'img';
    const wanted = negotiate(c.req.header('accept'), { type }, false);
    if (wanted.kind === 'json') {
      const json = await represent(kept, undefined, wanted);
      const provenance = provenanceHeaders({ models: [kept.model] });
      return await answer(c, json.body, async () => ({ ...json, provenance }));
    }
    if (wanted.kind === 'events') throw new Error('tokens have no events');
    const model = decoderOf(kept, await loadedModels(c, services));
    assertServed(c, services, [model]);
    const request = parseBody(detokenizeRequestSchema, {
      tokens: { [modality]: { tokens: assertComplete(kept, pointerTo('ref')) } },
      seed: numberOf(c.req.query('seed')),
      steps: numberOf(c.req.query('steps')),
    });
    const of = { request, digest: model.digest, types: wantedTypes(wanted) };
    return await answer(c, canonicalJson(of), async () => {
      const { length } = kept.tokens;
      const { outputs, model: by } = await decodeTokens(c, services, model, request, length);
      const { seed } = request;
      const provenance = provenanceHeaders({ models: [by], seed, computed: computedNow(c) });
      return { ...(await represent(kept, Object.values(outputs)[0], wanted)), provenance };
    });
  };
}
