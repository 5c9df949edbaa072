/** One operation of the page: what it takes, answers and refuses, with examples. */
import { html } from 'hono/html';
import { PROBLEMS } from '../../shared/api/problem.ts';
import { problemsOf, type Route, scopeOf } from '../../shared/api/route.ts';
import { filesIn } from '../examples/example.ts';
import { examplesOf } from '../examples/examples.ts';
import { LANGUAGES, type Operated, requestOf } from '../examples/snippets.ts';
import type { DocumentParameter, Json, OpenApiDocument, Operation } from '../openapiTypes.ts';
import { referenceOf, schemaTable, typeOf } from './schema.ts';
import { type Html, headerId, problemId, prose, sentence } from './text.ts';

type Schemas = OpenApiDocument['components']['schemas'];

/** What snippets have to know of a route. */
export function operatedBy(route: Route): Operated {
  const { method, path, request } = route;
  const form = request && 'json' in request ? request.form : undefined;
  return {
    method,
    path,
    needsKey: scopeOf(route) !== undefined,
    ...(form && { formLists: form.lists }),
    ...(request && 'isForm' in request && { onlyForm: true }),
  };
}

const PLACES = { path: 'path', query: 'query', header: 'header' } as const;

const parameterRow = ({ name, in: place, required, description, schema }: DocumentParameter) =>
  html`<tr>
<th scope="row"><code>${name}</code> <small>${PLACES[place]}${required ? ', required' : ''}</small></th>
<td><span class="type">${typeOf(schema)}</span><p>${prose(description)}</p></td>
</tr>`;

const parameters = ({ parameters: all = [] }: Operation): Html | string =>
  all.length === 0
    ? ''
    : html`<h4>Parameters</h4>
<table>
<caption>Parameters in the path, the query and the headers</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Value</th></tr></thead>
<tbody>${all.map(parameterRow)}</tbody>
</table>`;

/** What a media type holds: the fields of its schema, that of its name where it has one. */
function media(
  type: string,
  { schema }: { schema?: Json },
  schemas: Schemas,
  isOpen: boolean,
): Html {
  const name = schema && referenceOf(schema);
  const shown = (name === undefined ? schema : schemas[name]) ?? {};
  const description = shown.description ?? schema?.description;
  return html`<details class="media"${isOpen ? ' open' : ''}>
<summary><code>${type}</code>${name === undefined ? '' : ` ${name}`}</summary>
${typeof description === 'string' ? html`<p>${sentence(description)}</p>` : ''}
${schemaTable(shown, `Fields of ${name ?? type}`)}
</details>`;
}

const contents = (content: Json | undefined, schemas: Schemas, isOpen: boolean): Html[] =>
  Object.entries(content ?? {}).map(([type, one], i) =>
    media(type, one as { schema?: Json }, schemas, isOpen && i === 0),
  );

const headers = (all: Json | undefined): Html | string => {
  const names = Object.keys(all ?? {});
  return names.length === 0
    ? ''
    : html`<details class="headers">
<summary>${names.length} headers that it may have</summary>
<p>${names.map((name) => html`<a href="#${headerId(name)}">${name}</a> `)}</p>
</details>`;
};

const answers = ({ responses }: Operation, schemas: Schemas): Html => html`<h4>Answers</h4>
${Object.entries(responses)
  .filter(([status]) => status.startsWith('2'))
  .map(
    ([status, answer]) => html`<p><strong>${status}</strong> ${sentence(answer.description)}</p>
${contents(answer.content, schemas, false)}
${headers(answer.headers)}`,
  )}`;

function errors(route: Route): Html {
  const codes = [...problemsOf(route)].sort((a, b) => PROBLEMS[a].status - PROBLEMS[b].status);
  return html`<details class="errors">
<summary>${codes.length} errors that it can answer</summary>
<ul>
${codes.map(
  (code) =>
    html`<li><a href="#${problemId(code)}"><code>${code}</code></a> ${PROBLEMS[code].status}: ${PROBLEMS[code].title}</li>`,
)}
</ul>
</details>`;
}

function samples(route: Route): Html[] {
  const examples = examplesOf(route.id);
  return examples.map((example, i) => {
    const request = requestOf(operatedBy(route), example);
    const files = example.file ? [example.file.name] : filesIn(example.body ?? {});
    return html`<div class="samples" data-example="${i}">
${example.title ? html`<p>${example.title}</p>` : ''}
${LANGUAGES.map(
  ({ name, lang, write }) => html`<figure data-language="${lang}">
<figcaption>${name}</figcaption>
<pre><code>${write(request)}</code></pre>
</figure>`,
)}
${
  example.file?.text === undefined
    ? files.length > 0
      ? html`<p class="files">It reads ${files.map((file) => html`<code>${file}</code>`)} beside it.</p>`
      : ''
    : html`<figure class="file"><figcaption>${example.file.name} holds</figcaption><pre><code>${example.file.text}</code></pre></figure>`
}
</div>`;
  });
}

const facts = (route: Route): string => {
  const scope = scopeOf(route);
  return scope === undefined
    ? 'It needs no key.'
    : `Where keys are asked for, it needs one with the scope \`${scope}\`.`;
};

export const operationSection = (
  route: Route,
  operation: Operation,
  schemas: Schemas,
): Html => html`<section class="operation" id="${route.id}" aria-labelledby="${route.id}-title">
<h3 id="${route.id}-title"><span class="method ${route.method.toLowerCase()}">${route.method}</span>
<code>${route.path}</code> <a class="anchor" href="#${route.id}" aria-label="Link to ${route.method} ${route.path}">#</a></h3>
<div class="said">
<p class="summary">${sentence(route.summary)}</p>
${route.description ? html`<p>${prose(route.description)}</p>` : ''}
<p class="facts">${prose(facts(route))}</p>
${parameters(operation)}
${operation.requestBody ? html`<h4>Body</h4>${contents(operation.requestBody.content, schemas, true)}` : ''}
${answers(operation, schemas)}
${errors(route)}
</div>
<div class="tried">
<h4>Examples</h4>
${samples(route)}
<details class="try" data-operation="${route.id}"><summary>Try it</summary></details>
</div>
</section>`;
