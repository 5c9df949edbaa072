/** The OpenAPI document as it is published: with examples of every operation (`x-codeSamples`, which pages of others read). */
import type { Route } from '../../shared/api/route.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { examplesOf } from '../examples/examples.ts';
import { LANGUAGES, requestOf } from '../examples/snippets.ts';
import { openApiDocument } from '../openapi.ts';
import type { Json, OpenApiDocument } from '../openapiTypes.ts';
import { operatedBy } from './operation.ts';

const samplesOf = (route: Route): Json[] =>
  examplesOf(route.id).flatMap((example) => {
    const request = requestOf(operatedBy(route), example);
    return LANGUAGES.map(({ name, lang, write }) => ({
      lang,
      label: example.title === undefined ? name : `${name}: ${example.title}`,
      source: write(request),
    }));
  });

export function publishedDocument(): OpenApiDocument {
  const document = openApiDocument();
  const paths: Record<string, OpenApiDocument['paths'][string]> = { ...document.paths };
  for (const route of Object.values<Route>(ROUTES)) {
    const method = route.method.toLowerCase();
    const methods = paths[route.path];
    const operation = methods?.[method];
    if (!operation) continue;
    const sampled = { ...operation, 'x-codeSamples': samplesOf(route) };
    paths[route.path] = { ...methods, [method]: sampled };
  }
  return { ...document, paths };
}
