/** The files of a repository, and which of them make a checkpoint. */
import { listFiles, modelInfo } from '@huggingface/hub';
import type { Digest } from './digest.ts';
import { HubError } from './errors.ts';
import { fetchFor, type Hub, withRetries } from './request.ts';

export interface RemoteFile {
  readonly repository: string;
  /** Commit. */
  readonly revision: string;
  readonly path: string;
  readonly size: number;
  readonly digest: Digest;
}

/** The model itself, what it needs to be read, and the text of its licence. */
const WANTED =
  /^([\w.-]+\.safetensors(\.index\.json)?|([\w-]+\.)?config\.json|([\w-]+\.)?presets\.json|tokenizer\.json|text_tokenizer[\w-]*\.json|LICEN[CS]E[\w.-]*|README\.md)$/i;
const PICKLE = /\.(bin|pth?|ckpt|pkl)$/i;

export const isSafetensors = ({ path }: RemoteFile): boolean => path.endsWith('.safetensors');
export const isIndex = ({ path }: RemoteFile): boolean => path.endsWith('.safetensors.index.json');

/**
 * The wanted files of a repository's root, all of one commit.
 * @param revision a branch, tag or commit
 * @throws HubError `not_found`, `access`, `network`; `pickle` or `not_a_checkpoint` where there are no
 *   safetensors
 */
export async function listRepository(
  hub: Hub,
  repository: string,
  revision: string,
): Promise<readonly RemoteFile[]> {
  const access = {
    hubUrl: hub.endpoint,
    fetch: fetchFor({ repository }),
    ...(hub.token !== undefined && { accessToken: hub.token }),
  };
  const retries = { what: `${hub.endpoint}: list of ${repository}` };
  const { commit, entries } = await withRetries(hub, retries, async () => {
    // A branch may move between two requests; a commit does not.
    const { sha: commit } = await modelInfo({
      ...access,
      name: repository,
      revision,
      additionalFields: ['sha'],
    });
    const entries = [];
    const repo = { type: 'model', name: repository } as const;
    for await (const entry of listFiles({ ...access, repo, revision: commit })) entries.push(entry);
    return { commit, entries };
  });
  const files = entries.filter(({ type }) => type === 'file');
  const wanted = files
    .filter(({ path, size }) => WANTED.test(path) && size > 0)
    .map(({ path, size, lfs, oid }): RemoteFile => {
      const hex = lfs?.oid ?? oid;
      if (hex === undefined)
        throw new HubError('response', `${repository}: ${path} is listed without a digest`);
      const algorithm = lfs ? 'sha256' : 'git-sha1';
      const digest: Digest = { algorithm, hex: hex.replace(/^sha256:/, '') };
      return { repository, revision: commit, path, size: lfs?.size ?? size, digest };
    });
  if (!wanted.some(isSafetensors))
    throw withoutSafetensors(
      repository,
      files.map(({ path }) => path),
    );
  return wanted;
}

function withoutSafetensors(repository: string, paths: readonly string[]): HubError {
  const pickle = paths.find((path) => PICKLE.test(path));
  return pickle === undefined
    ? new HubError('not_a_checkpoint', `${repository}: has no .safetensors file`)
    : new HubError(
        'pickle',
        `${repository}: has only pickled weights (${pickle}), which run code when they are read; convert them to .safetensors first`,
      );
}
