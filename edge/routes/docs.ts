/** `GET /docs`: the OpenAPI document as a page to read, without scripts or anything from elsewhere. */
import { html, raw } from 'hono/html';
import { PROBLEMS } from '../../shared/api/problem.ts';
import { openApiDocument } from '../openapi.ts';
import type { Operation } from '../openapiTypes.ts';
import type { EdgeContext } from '../problems.ts';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
h2 code { font-size: 1.05rem; }
pre { overflow: auto; max-height: 24rem; padding: 1rem; background: #8881; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; }
tr:target { background: #fd06; }
summary { cursor: pointer; }`;

/** Text with `code` in backquotes. */
const prose = (text: string) =>
  text.split('`').map((part, i) => (i % 2 === 0 ? part : html`<code>${part}</code>`));

const contents = (content: object = {}) =>
  Object.entries(content).map(([type, media]: [string, { schema?: unknown }]) =>
    media.schema === undefined
      ? html`<p><code>${type}</code></p>`
      : html`<details><summary><code>${type}</code></summary>
<pre>${JSON.stringify(media.schema, null, 2)}</pre></details>`,
  );

const section = (path: string, method: string, operation: Operation) => html`
<section id="${operation.operationId}">
<h2><code>${method.toUpperCase()} ${path}</code></h2>
<p>${operation.summary}.</p>
${operation.description ? html`<p>${prose(operation.description)}</p>` : ''}
${(operation.parameters ?? []).map(
  (parameter) =>
    html`<p><code>${parameter.in === 'path' ? `{${parameter.name}}` : `?${parameter.name}=`}</code> ${parameter.description}</p>`,
)}
${operation.requestBody ? html`<h3>Request</h3>${contents(operation.requestBody.content)}` : ''}
<h3>Answers</h3>
${Object.entries(operation.responses).map(
  ([status, response]) => html`<p><strong>${status}</strong> ${prose(response.description)}</p>
${status === '200' ? contents(response.content) : ''}`,
)}
</section>`;

export const docs = (c: EdgeContext): Response | Promise<Response> => {
  const { info, paths, components } = openApiDocument();
  c.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'");
  return c.html(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title}: API</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<h1>${info.title}</h1>
<p>${info.description} The same as <a href="/openapi.json">OpenAPI</a>;
<a href="/">try it</a> in the playground.</p>
${Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => section(path, method, operation)),
)}
<section id="schemas">
<h2>Schemas</h2>
${Object.entries(components.schemas).map(
  ([name, schema]) => html`<details id="schema-${name}"><summary><code>${name}</code></summary>
<pre>${JSON.stringify(schema, null, 2)}</pre></details>`,
)}
</section>
<section id="problems">
<h2>Problem codes</h2>
<table>
<thead><tr><th>Code</th><th>Status</th><th>Meaning</th><th>Retry</th></tr></thead>
<tbody>
${Object.entries(PROBLEMS).map(
  ([code, { status, title, retryable }]) => html`<tr id="${code}"><td><code>${code}</code></td>
<td>${status}</td><td>${title}</td><td>${retryable ? 'may help' : 'changes nothing'}</td></tr>`,
)}
</tbody>
</table>
</section>
</body>
</html>`);
};
