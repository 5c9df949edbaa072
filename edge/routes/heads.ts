/** `/v1/heads`: heads that are kept: listed, told, given as files, taken as files, and deleted. */
import {
  type Head,
  type HeadResponse,
  type HeadsResponse,
  headNameSchema,
  headVersionSchema,
} from '../../shared/api/heads.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { fromBase64 } from '../../shared/base64.ts';
import { preferredOf } from '../accept.ts';
import { createFiles } from '../body/files.ts';
import { READ_HEAD } from '../dispatch/tasks.ts';
import { describedModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import { provenanceHeaders } from '../provenance.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';

const SAFETENSORS = 'application/octet-stream';
const PNG = 'image/png';

/** The head of the address. @throws FailureError `invalid_request` for what can be no name */
function nameOf(c: EdgeContext): string {
  const name = c.req.param('name') ?? '';
  if (headNameSchema.safeParse(name).success) return name;
  const detail =
    'a name has 1 to 64 letters, digits, dots, dashes or underscores, and begins with a letter or a digit';
  throw refusal('invalid_request', detail, pointerTo('name'));
}

/** The version that the query names. @throws FailureError `invalid_request` */
function versionOf(c: EdgeContext): string | undefined {
  const version = c.req.query('version');
  if (version === undefined || headVersionSchema.safeParse(version).success) return version;
  const detail = 'a version is sha256: and 64 hexadecimal digits';
  throw refusal('invalid_request', detail, pointerTo('version'));
}

/** The type that is wanted most, of those that a head can be answered as. @throws FailureError `not_acceptable` */
function wantedType(c: EdgeContext, hasReport: boolean): string {
  const offered = ['application/json', SAFETENSORS, ...(hasReport ? [PNG] : [])];
  const type = preferredOf(c.req.header('accept'), offered);
  if (type !== undefined) return type;
  throw refusal('not_acceptable', `this head is there as ${offered.join(', ')}`);
}

export function createHeadRoutes(services: Services) {
  const { dispatcher, keptFor } = services;
  const headsOf = (c: EdgeContext) => keptFor(tenantOf(c)).heads;

  async function head(c: EdgeContext): Promise<Response> {
    const heads = headsOf(c);
    const { head, versions } = await heads.find(nameOf(c), versionOf(c), pointerTo('name'));
    const { report, model: id, model_digest: digest, created_at: at } = head;
    const type = wantedType(c, report !== undefined);
    c.header('vary', 'accept');
    const provenance = provenanceHeaders({ models: [{ id, digest }], computed: { at } });
    for (const [name, value] of Object.entries(provenance)) c.header(name, value);
    if (type === SAFETENSORS) {
      const body = await heads.file(head.name, head.version);
      const name = `attachment; filename="${head.name}.safetensors"`;
      return c.body(body, { headers: { 'content-type': type, 'content-disposition': name } });
    }
    if (type === PNG && report) {
      const { image } = report.confusion;
      const body = fromBase64(image.slice(image.indexOf(',') + 1));
      return c.body(body, { headers: { 'content-type': type } });
    }
    return c.json({ ...head, versions: [...versions] } satisfies HeadResponse);
  }

  /** @throws FailureError `unsupported_media_type`, `empty_request`, and what the worker says of the file */
  async function putHead(c: EdgeContext): Promise<Response> {
    const name = nameOf(c);
    const type = (c.req.header('content-type') ?? SAFETENSORS).split(';')[0]?.trim().toLowerCase();
    if (type !== SAFETENSORS) {
      const detail = `the content type must be ${SAFETENSORS}, not ${shorten(type ?? '')}`;
      throw refusal('unsupported_media_type', detail);
    }
    const model = await describedModel(c, services, c.req.query('model'));
    const file = await c.get('body').bytes(c.req.raw);
    if (file.length === 0) throw refusal('empty_request', 'the request has no body');
    const files = createFiles();
    const made = await dispatcher.run(
      READ_HEAD,
      { request_id: c.get('requestId'), model: model.id, name, file: files.add(file) },
      { traceparent: c.get('traceparent'), signal: c.req.raw.signal, files },
    );
    return c.json((await headsOf(c).keep(made.head, file)) satisfies Head);
  }

  return {
    head,
    putHead,
    heads: async (c: EdgeContext): Promise<Response> =>
      c.json({ heads: await headsOf(c).list() } satisfies HeadsResponse),
    deleteHead: async (c: EdgeContext): Promise<Response> =>
      c.json({ deleted: await headsOf(c).remove(nameOf(c), versionOf(c)) }),
  };
}
