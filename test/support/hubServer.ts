/**
 * A stand-in for the Hugging Face hub: a real HTTP server with the hub's addresses, headers and error
 * codes, and a second one for the content of large files, to which the hub redirects.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export interface HubRepository {
  readonly files: Record<string, Uint8Array>;
  /** Only with the token. */
  readonly gated?: boolean;
}

export interface HubRequest {
  readonly server: 'hub' | 'content';
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** What goes wrong, by file name. */
export interface HubFaults {
  /** Bytes after which the connection is cut, once for each entry. */
  readonly cuts: Record<string, number[]>;
  /** Sent instead of what is listed. */
  readonly served: Record<string, Uint8Array>;
  /** Of these, everything is sent whatever range is asked for. */
  readonly ignoresRanges: Set<string>;
  /** Listed with another size than they have. */
  readonly sizes: Record<string, number>;
  /** Answers with this status, once for each entry. */
  readonly statuses: number[];
}

export interface HubServer {
  readonly url: string;
  readonly repositories: Record<string, HubRepository>;
  /** In order; the caller may empty it. */
  readonly requests: HubRequest[];
  readonly faults: HubFaults;
  /** Large files are announced as the hub does for its newer storage, instead of by redirect. */
  xet: boolean;
  close(): Promise<void>;
}

export const HUB_TOKEN = 'hf_of_the_test';
export const HUB_COMMIT = 'c0ffee'.repeat(7).slice(0, 40);

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');
export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const gitId = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
/** As `.gitattributes` of most repositories say. */
const isLarge = (path: string) => /\.(safetensors|bin)$/.test(path);

export async function startHub(repositories: Record<string, HubRepository>): Promise<HubServer> {
  const requests: HubRequest[] = [];
  const faults: HubFaults = {
    cuts: {},
    served: {},
    ignoresRanges: new Set(),
    sizes: {},
    statuses: [],
  };
  const note = (server: HubRequest['server'], request: IncomingMessage) =>
    requests.push({
      server,
      path: request.url ?? '',
      range: request.headers.range,
      authorization: request.headers.authorization,
    });

  const send = (
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    listed: Uint8Array,
    etag: string,
  ): void => {
    const bytes = faults.served[path] ?? listed;
    const probe = request.headers.range === 'bytes=0-0';
    const honours = probe || !faults.ignoresRanges.has(path);
    const range = honours ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') : null;
    const first = Number(range?.[1] ?? 0);
    const end = range?.[2] ? Number(range[2]) + 1 : bytes.length;
    const part = bytes.subarray(first, end);
    response.writeHead(range ? 206 : 200, {
      etag: `"${etag}"`,
      'content-length': part.length,
      // By which clients know that an address of the content server may be used directly.
      'x-cache': 'Miss from cloudfront',
      ...(range && { 'content-range': `bytes ${first}-${end - 1}/${bytes.length}` }),
    });
    const cut = probe ? undefined : faults.cuts[path]?.shift();
    if (cut === undefined) response.end(part);
    else {
      // After a while, as a client drops what it has not read when a connection breaks.
      response.write(part.subarray(0, cut));
      setTimeout(() => response.destroy(), 150);
    }
  };

  const content = createServer((request, response) => {
    note('content', request);
    const [, owner, name, path = ''] = (request.url ?? '').split('/');
    const bytes = repositories[`${owner}/${name}`]?.files[path];
    if (bytes) send(request, response, path, bytes, `stored-${sha256(bytes)}`);
    else response.writeHead(404).end();
  });
  const contentUrl = await listening(content);

  const hub = createServer((request, response) => {
    note('hub', request);
    const fail = (status: number, code: string) =>
      response.writeHead(status, { 'x-error-code': code }).end(`{"error":"${code}"}`);
    const json = (value: unknown, headers = {}) =>
      response
        .writeHead(200, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value));
    const status = faults.statuses.shift();
    if (status !== undefined) return void response.writeHead(status).end();
    const url = new URL(request.url ?? '', self.url);
    const parts = url.pathname.slice(1).split('/').map(decodeURIComponent);
    const isApi = parts[0] === 'api' && parts[1] === 'models';
    const [owner, name, action, revision = '', path = ''] = isApi ? parts.slice(2) : parts;
    const repository = repositories[`${owner}/${name}`];
    // To strangers, what does not exist and what is private look the same.
    if (!repository) return void fail(401, 'RepoNotFound');
    if (![HUB_COMMIT, 'main'].includes(revision)) return void fail(404, 'RevisionNotFound');
    if (isApi && action === 'revision')
      return void json({
        _id: '1',
        id: `${owner}/${name}`,
        sha: HUB_COMMIT,
        private: false,
        gated: repository.gated ? 'auto' : false,
        downloads: 0,
        likes: 0,
        lastModified: '2024-06-01T00:00:00.000Z',
      });
    if (isApi && action === 'tree') {
      // Two a page, so that a client has to ask for the next.
      const from = Number(url.searchParams.get('cursor') ?? 0);
      const entries = Object.entries(repository.files).map(([file, bytes]) => ({
        type: 'file',
        path: file,
        size: faults.sizes[file] ?? bytes.length,
        oid: gitId(bytes),
        ...(isLarge(file) && {
          oid: gitId(text(`pointer to ${sha256(bytes)}`)),
          lfs: {
            oid: sha256(bytes),
            size: faults.sizes[file] ?? bytes.length,
            pointerSize: 132,
          },
        }),
      }));
      const next = `${self.url}${url.pathname}?cursor=${from + 2}`;
      const more = from + 2 < entries.length;
      return void json(entries.slice(from, from + 2), more && { link: `<${next}>; rel="next"` });
    }
    if (action !== 'resolve') return void fail(404, 'EntryNotFound');
    if (repository.gated && request.headers.authorization !== `Bearer ${HUB_TOKEN}`)
      return void fail(401, 'GatedRepo');
    const bytes = repository.files[path];
    if (!bytes) return void fail(404, 'EntryNotFound');
    if (!isLarge(path)) return void send(request, response, path, bytes, gitId(bytes));
    const linked = { 'x-linked-size': bytes.length, 'x-linked-etag': `"${sha256(bytes)}"` };
    if (self.xet && request.headers.accept?.includes('xet-fileinfo'))
      return void response
        .writeHead(200, {
          ...linked,
          'content-type': 'application/vnd.xet-fileinfo+json',
          'x-xet-hash': 'f'.repeat(64),
          link: `<${self.url}/xet-token>; rel="xet-auth", <${self.url}/xet>; rel="xet-reconstruction-info"`,
        })
        .end('{}');
    response
      .writeHead(302, { ...linked, location: `${contentUrl}/${owner}/${name}/${path}` })
      .end();
  });
  const url = await listening(hub);
  const self: HubServer = {
    url,
    repositories,
    requests,
    faults,
    xet: false,
    close: async () => {
      await Promise.all([hub, content].map(closed));
    },
  };
  return self;
}

const listening = (server: Server): Promise<string> =>
  new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port'));
      else resolve(`http://127.0.0.1:${address.port}`);
    });
  });

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
