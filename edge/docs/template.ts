/** The page `/docs` without its script and style, written once at the build. All of it can be read without the script. */
import { html, raw } from 'hono/html';
import { PROBLEMS } from '../../shared/api/problem.ts';
import { type Route, TAGS } from '../../shared/api/route.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { openApiDocument } from '../openapi.ts';
import type { OpenApiDocument, Operation } from '../openapiTypes.ts';
import { publishedDocument } from './document.ts';
import { operationSection } from './operation.ts';
import { schemaTable } from './schema.ts';
import { type Html, headerId, problemId, prose, schemaId, sentence } from './text.ts';
import { tryable } from './tryable.ts';

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='7' height='7' rx='2' fill='%233c6e71'/%3E%3Crect x='9' width='7' height='7' rx='2' fill='%23e0a458'/%3E%3Crect y='9' width='7' height='7' rx='2' fill='%237a8fc0'/%3E%3Crect x='9' y='9' width='7' height='7' rx='2' fill='%23b5657a'/%3E%3C/svg%3E";

type Tag = keyof typeof TAGS;

const TAG_TITLES: Readonly<Record<Tag, string>> = {
  generate: 'Generate',
  embed: 'Vectors',
  collections: 'Collections',
  heads: 'Classes',
  jobs: 'Jobs',
  uploads: 'Uploads and links',
  batches: 'Batches',
  webhooks: 'Webhooks',
  mcp: 'Tools for agents',
  usage: 'Usage',
  models: 'Models',
  service: 'Service',
};

const routesOf = (tag: Tag): Route[] =>
  Object.values<Route>(ROUTES).filter((route) => route.tag === tag);

const tags = Object.keys(TAGS) as Tag[];

const link = ({ id, method, path, summary }: Route): Html =>
  html`<li data-operation="${id}"><a href="#${id}" title="${summary}"><span class="method ${method.toLowerCase()}">${method}</span> ${path}</a></li>`;

const navigation = (): Html => html`<nav aria-label="Operations">
<div id="languages" role="group" aria-label="Language of the examples" hidden></div>
<details id="contents" open>
<summary>Contents</summary>
<p><label for="find">Find an operation</label>
<input id="find" type="search" autocomplete="off" spellcheck="false"></p>
<p id="found" role="status"></p>
${tags.map(
  (tag) => html`<div class="group"><a class="tag" href="#tag-${tag}">${TAG_TITLES[tag]}</a>
<ul>${routesOf(tag).map(link)}</ul></div>`,
)}
<div class="group"><a class="tag" href="#webhooks-sent">Webhooks that are sent</a></div>
<div class="group"><a class="tag" href="#schemas">Schemas</a></div>
<div class="group"><a class="tag" href="#headers">Headers</a></div>
<div class="group"><a class="tag" href="#problems">Problem codes</a></div>
</details>
</nav>`;

const operationOf = ({ paths }: OpenApiDocument, { path, method }: Route): Operation => {
  const operation = paths[path]?.[method.toLowerCase()];
  if (!operation) throw new Error(`the document has no ${method} ${path}`);
  return operation;
};

const operations = (document: OpenApiDocument): Html[] =>
  tags.map(
    (tag) => html`<section class="tag" id="tag-${tag}" aria-labelledby="tag-${tag}-title">
<h2 id="tag-${tag}-title">${TAG_TITLES[tag]}</h2>
<p>${sentence(TAGS[tag].description)}</p>
${routesOf(tag).map((route) =>
  operationSection(route, operationOf(document, route), document.components.schemas),
)}
</section>`,
  );

const webhooks = ({ webhooks: sent }: OpenApiDocument): Html => html`<section id="webhooks-sent">
<h2>Webhooks that are sent</h2>
${Object.entries(sent).map(([name, { post }]) => {
  const media = post.requestBody?.content['application/json'] as { schema: { $ref?: string } };
  const schema = String(media.schema.$ref).split('/').at(-1) ?? '';
  return html`<h3><code>${name}</code></h3>
<p>${sentence(post.summary)} ${prose(post.description ?? '')} The body is a <a href="#${schemaId(schema)}">${schema}</a>.</p>`;
})}
</section>`;

const schemas = ({ components }: OpenApiDocument): Html => html`<section id="schemas">
<h2>Schemas</h2>
${Object.entries(components.schemas).map(
  ([
    name,
    schema,
  ]) => html`<details class="schema" id="${schemaId(name)}"><summary><code>${name}</code></summary>
${typeof schema.description === 'string' ? html`<p>${sentence(schema.description)}</p>` : ''}
${schemaTable(schema, `Fields of ${name}`)}
</details>`,
)}
</section>`;

const headers = ({ components }: OpenApiDocument): Html => html`<section id="headers">
<h2>Headers of answers</h2>
<table>
<caption>Headers that answers may have</caption>
<thead><tr><th scope="col">Header</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${Object.entries(components.headers).map(
  ([
    name,
    { description },
  ]) => html`<tr id="${headerId(name)}"><th scope="row"><code>${name}</code></th>
<td>${sentence(String(description))}</td></tr>`,
)}
</tbody>
</table>
</section>`;

const problems = (): Html => html`<section id="problems">
<h2>Problem codes</h2>
<p>Every error is an RFC 9457 problem (<a href="#${schemaId('Problem')}">Problem</a>) with one of these as its <code>code</code>.</p>
<table>
<caption>Problem codes, by status</caption>
<thead><tr><th scope="col">Code</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${Object.entries(PROBLEMS).map(
  ([
    code,
    { status, title, retryable },
  ]) => html`<tr id="${problemId(code)}"><th scope="row"><code>${code}</code></th>
<td>${status}: ${title}. <small>${retryable ? 'The same request may succeed later.' : 'Sending it again changes nothing.'}</small></td></tr>`,
)}
</tbody>
</table>
</section>`;

/** JSON that stands within an element `script`. */
const data = (value: unknown): Html =>
  html`${raw(JSON.stringify(value).replaceAll('<', '\\u003c'))}`;

/** @param files names that examples have for files -> the pictures that stand for them, in base64 */
export async function docsTemplate(files: Readonly<Record<string, string>>): Promise<string> {
  const document = openApiDocument();
  const { title, description } = document.info;
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}: API</title>
<link rel="icon" href="${ICON}">
${raw('<!-- style -->')}
</head>
<body>
<a class="skip" href="#main">To the operations</a>
<header>
<h1>${title}: API</h1>
<p>${description} For programs there is the same as <a href="/openapi.json">OpenAPI</a>, and to try models by eye the <a href="/">playground</a>.</p>
<form id="key-form" hidden><label for="key">API key</label>
<input id="key" type="password" autocomplete="off" spellcheck="false">
<p>For the requests of this page; kept while this tab is open, and sent to this server alone.</p></form>
</header>
${navigation()}
<main id="main" tabindex="-1">
${operations(document)}
${webhooks(document)}
${schemas(document)}
${headers(document)}
${problems()}
</main>
<script type="application/json" id="operations-data">${data(tryable(document))}</script>
<script type="application/json" id="files-data">${data(files)}</script>
${raw('<!-- script -->')}
</body>
</html>`;
  return String(page);
}

/** `/openapi.json`. */
export const documentText = (): string => JSON.stringify(publishedDocument());
