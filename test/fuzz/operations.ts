/** What our own OpenAPI document says of each operation: how to ask, and what may be answered. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

export type Json = { readonly [key: string]: unknown };

export interface FuzzParameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly required: boolean;
  readonly schema: Json;
}

export interface FuzzOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly FuzzParameter[];
  /** Media type -> schema of the body; empty where there is none. */
  readonly bodies: ReadonlyMap<string, Json>;
  /** Status -> media type -> what judges its body; undefined for what is no JSON. */
  readonly answers: ReadonlyMap<number, ReadonlyMap<string, ValidateFunction | undefined>>;
  /** Status -> codes of its problems. */
  readonly codes: ReadonlyMap<number, ReadonlySet<string>>;
}

interface Said {
  operationId: string;
  parameters?: { name: string; in: FuzzParameter['in']; required?: boolean; schema: Json }[];
  requestBody?: { content: Record<string, { schema: Json }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Json }> }>;
}
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Said>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

const DOCUMENT = 'document.json';
const step = (name: string): string =>
  encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));

const isJson = (type: string): boolean => /^application\/(problem\+)?json$/.test(type);

/** @param document as it was served */
export function readOperations(document: Document): FuzzOperation[] {
  // Formats and the document's own keywords mean nothing to the judge; types and bounds do.
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, DOCUMENT);
  const judge = (...steps: string[]): ValidateFunction =>
    ajv.compile({ $ref: `${DOCUMENT}#/${steps.map(step).join('/')}` });

  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, said]) => {
      const answers = new Map(
        Object.entries(said.responses).map(([status, { content = {} }]) => {
          const types = Object.keys(content).map((type) => {
            const at = ['paths', path, method, 'responses', status, 'content', type, 'schema'];
            return [type, isJson(type) ? judge(...at) : undefined] as const;
          });
          return [Number(status), new Map(types)] as const;
        }),
      );
      const codes = new Map(
        Object.entries(said.responses).map(([status, { description }]) => [
          Number(status),
          new Set(Array.from(description.matchAll(/`(\w+)`: /g), ([, code]) => code ?? '')),
        ]),
      );
      return {
        id: said.operationId,
        method: method.toUpperCase(),
        path,
        parameters: (said.parameters ?? []).map((own) => ({ required: false, ...own })),
        bodies: new Map(
          Object.entries(said.requestBody?.content ?? {}).map(([type, { schema }]) => [
            type,
            schema,
          ]),
        ),
        answers,
        codes,
      };
    }),
  );
}
