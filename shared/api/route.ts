/** What the route table says of an address. */
import * as z from 'zod';
import type { Bounds } from './bounds.ts';
import type { Form } from './form.ts';
import type { ProblemCode } from './problem.ts';

export interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly schema: z.ZodType;
}

/** An answer that is not JSON: what its bytes or text are. */
export interface Representation {
  readonly description: string;
  readonly text: boolean;
  /** Name of each server-sent event -> its data. */
  readonly events?: Readonly<Record<string, z.ZodType>>;
}

export const TAGS = {
  generate: {
    name: 'generate',
    description: 'Values and tokens of modalities: made, read, decoded',
  },
  embed: {
    name: 'embed',
    description: 'Vectors of any inputs: predicted global embeddings, and features of the encoder',
  },
  collections: {
    name: 'collections',
    description: 'Vectors that are kept and searched',
  },
  heads: { name: 'heads', description: 'Heads that tell classes by the features of a model' },
  jobs: { name: 'jobs', description: 'Work that goes on whether or not its caller waits' },
  uploads: {
    name: 'uploads',
    description: 'Bytes that are sent once and named by requests, and links to what requests made',
  },
  batches: { name: 'batches', description: 'Many requests in one file, as OpenAI has them' },
  webhooks: { name: 'webhooks', description: 'Being told of jobs, and what was told' },
  mcp: { name: 'mcp', description: 'The same as tools for agents, by the Model Context Protocol' },
  usage: { name: 'usage', description: 'What was charged, and what is left' },
  models: { name: 'models', description: 'What is loaded' },
  service: { name: 'service', description: 'The service itself: health, documents, playground' },
} as const;

/** What a key may be for: the groups of routes, and classifying apart from making heads. */
export type Scope = Exclude<keyof typeof TAGS, 'service'> | 'classify';

export interface Route {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly tag: keyof typeof TAGS;
  /** The scope that opens it, that of its tag when left out; `none` where the address itself is the permit. */
  readonly scope?: Scope | 'none';
  readonly summary: string;
  readonly description?: string;
  readonly query?: readonly Parameter[];
  /** What stands in braces in the path. */
  readonly parameters?: readonly Parameter[];
  /** Body: the schema of its JSON, and the form in which the same can come; or a file as it is. */
  readonly request?:
    | {
        readonly json: z.ZodObject;
        readonly form?: Form;
        /** Whether nothing but that form is taken. */
        readonly isForm?: true;
        /** Of its parts, before the schema looks at it; those of a request for one thing when left out. */
        readonly bounds?: Bounds;
        /** Files that may come in its place, as they are: media type -> what they hold. */
        readonly files?: Readonly<Record<string, string>>;
      }
    | { readonly bytes: Readonly<Record<string, string>> };
  /** Whether requests are messages of JSON-RPC: what asks for no answer is answered 202, without a body. */
  readonly isRpc?: true;
  /** Whether the work can become a job, which is answered 202. */
  readonly canBeJob?: boolean;
  /** Media type of a 200 answer -> what it holds. */
  readonly response: Readonly<Record<string, z.ZodType | Representation>>;
  /** Codes this route can answer besides `ANY_PROBLEMS`. */
  readonly problems: readonly ProblemCode[];
}

/** Where outputs are answered, whose large files are links. */
export const INLINE: Parameter = {
  name: 'inline',
  description:
    'true answers every file within the answer, as a data URL; false every one as a link. When absent, large files ' +
    'are links',
  schema: z.enum(['true', 'false']).optional(),
};

/** Codes that every address can answer. */
export const ANY_PROBLEMS = ['method_not_allowed', 'internal'] as const satisfies ProblemCode[];

/** The scope that a key needs for a route; undefined for what is open to everybody. */
export function scopeOf({ scope, tag }: Route): Scope | undefined {
  if (scope === 'none') return undefined;
  return scope ?? (tag === 'service' ? undefined : tag);
}

/** Codes that every route can answer that needs a key. */
const KEY_PROBLEMS = [
  'unauthorized',
  'payment_required',
  'insufficient_scope',
  'forbidden_origin',
  'quota_exceeded',
  'too_large',
  'store_unavailable',
  'overloaded',
] as const satisfies ProblemCode[];

/** Whether requests to a route can carry an `Idempotency-Key`. */
export const isIdempotent = ({ method, request, isRpc }: Route): boolean =>
  method === 'POST' && request !== undefined && 'json' in request && !isRpc;

/** Codes that such a route can answer. */
const IDEMPOTENCY_PROBLEMS = [
  'idempotency_mismatch',
  'idempotency_conflict',
  'store_unavailable',
] as const satisfies ProblemCode[];

/** Every code that a route can answer. */
export const problemsOf = (route: Route): readonly ProblemCode[] => [
  ...new Set([
    ...route.problems,
    ...(scopeOf(route) === undefined ? [] : KEY_PROBLEMS),
    ...(isIdempotent(route) ? IDEMPOTENCY_PROBLEMS : []),
    ...ANY_PROBLEMS,
  ]),
];
