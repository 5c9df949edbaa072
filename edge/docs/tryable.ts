/** What the page's script has to know of each operation to send a request. */
import type { Route } from '../../shared/api/route.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import type { Operated } from '../examples/snippets.ts';
import type { OpenApiDocument } from '../openapiTypes.ts';
import { operatedBy } from './operation.ts';

export interface TryableParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description: string;
  /** Values that it can have, where these are few. */
  readonly values?: readonly string[];
}

export interface Tryable extends Operated {
  readonly parameters: readonly TryableParameter[];
  /** Media types that it can answer, the usual one first. */
  readonly accepts: readonly string[];
}

function tryableOf(route: Route, { paths }: OpenApiDocument): Tryable {
  const operation = paths[route.path]?.[route.method.toLowerCase()];
  const parameters = (operation?.parameters ?? []).map(
    ({ name, in: place, description, schema }): TryableParameter => ({
      name,
      in: place,
      description,
      ...(Array.isArray(schema.enum) && { values: schema.enum.map(String) }),
    }),
  );
  return { ...operatedBy(route), parameters, accepts: Object.keys(route.response) };
}

/** By the id of the operation. */
export const tryable = (document: OpenApiDocument): Record<string, Tryable> =>
  Object.fromEntries(
    Object.values<Route>(ROUTES).map((route) => [route.id, tryableOf(route, document)]),
  );
