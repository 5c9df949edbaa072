/** Where bytes come from that were answered without JSON around them: what the headers of the answer say. */

export interface Provenance {
  /** Each model that made them. */
  readonly models: readonly ProvenanceModel[];
  /** The hash of the request. */
  readonly id?: string;
  readonly seed?: number;
  /** How the targets were made, as the server writes it: a structured list (RFC 9651). */
  readonly schedule?: string;
  /** When they were computed, and for which request: an earlier one where they were stored. */
  readonly computed?: { readonly at: string; readonly request_id?: string };
  /** Whether they came from the store. */
  readonly stored: boolean;
}

export interface ProvenanceModel {
  readonly id: string;
  readonly digest?: string;
  /** Of the weights. */
  readonly licence?: string;
  readonly precision?: string;
}

const FIELDS = { digest: 'model-digest', licence: 'licence', precision: 'precision' } as const;

/** @param headers of an answer, as `onHeaders` is given them */
export function provenanceOf(headers: Headers): Provenance {
  const own = (name: string): string | undefined => headers.get(`x-4m-${name}`) ?? undefined;
  const list = (name: string): string[] => own(name)?.split(', ') ?? [];
  const lists = Object.entries(FIELDS).map(([field, name]) => [field, list(name)] as const);
  const [id, seed, schedule] = [own('result'), own('seed'), own('schedule')];
  const [at, request_id] = [own('computed-at'), own('computed-by')];
  return {
    models: list('model').map((model, i) => ({
      id: model,
      ...Object.fromEntries(lists.flatMap(([field, all]) => (all[i] ? [[field, all[i]]] : []))),
    })),
    ...(id !== undefined && { id }),
    ...(seed !== undefined && { seed: Number(seed) }),
    ...(schedule !== undefined && { schedule }),
    ...(at !== undefined && { computed: { at, ...(request_id !== undefined && { request_id }) } }),
    stored: /;\s*hit\b/.test(headers.get('cache-status') ?? ''),
  };
}
