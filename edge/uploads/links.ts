/**
 * Large files of outputs -> links that hold for a while. They are made when an answer is given, so that what is
 * stored stays as it is; the bytes lie under their own hash, and are written once.
 */
import type { FileLink } from '../../shared/api/outputs.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { isoTime } from '../../shared/isoTime.ts';
import { pause } from '../../shared/pause.ts';
import { sha256 } from '../../shared/results/content.ts';
import type { Store } from '../../shared/store/store.ts';
import { keepBytes } from '../../shared/uploads/kept.ts';
import { decodeBase64 } from '../body/base64.ts';
import type { Config } from '../config.ts';
import type { EdgeContext } from '../problems.ts';
import { tenantOf } from '../tenant.ts';
import type { SignedAddresses } from './addresses.ts';
import { originOf } from './view.ts';

/** Fields of an output that hold a file as a data URL. */
const FILE_FIELDS = ['image', 'data', 'array'] as const;
type FileField = (typeof FILE_FIELDS)[number];

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Of the query: whether all files are answered within the answer, or none; undefined for the large ones apart.
 * @throws FailureError `invalid_request`
 */
export function inlineOf(c: EdgeContext): boolean | undefined {
  const inline = c.req.query('inline');
  if (inline === undefined) return undefined;
  if (inline === 'true' || inline === 'false') return inline === 'true';
  throw refusal('invalid_request', 'inline must be true or false', pointerTo('inline'));
}

/** `data:TYPE;base64,` of a text that begins so. */
const prefixOf = (text: string): RegExpExecArray | null =>
  /^data:([^;,]{1,100});base64,/.exec(text.slice(0, 200));

export interface Linked<T> {
  readonly result: T;
  /** Whether any file became a link, which makes the answer one of this moment. */
  readonly hasLinks: boolean;
}

/** What links are made for. */
interface Linking {
  readonly tenant: string;
  /** Bytes of a file that stays within the answer at most. */
  readonly most: number;
  readonly origin: () => string;
}

export interface LinkerServices {
  readonly addresses: SignedAddresses;
  readonly config: Config;
  readonly store: Store;
  readonly log: (line: string) => void;
}

/** Whoever answers results with outputs. */
export interface Linker {
  /**
   * @param inline what the query says when left out
   * @throws FailureError `invalid_request` for a query that cannot be
   */
  link<T extends object>(c: EdgeContext, result: T, inline?: boolean): Promise<Linked<T>>;
}

export function createLinker({ addresses, config, store, log }: LinkerServices): Linker {
  /** The link in place of a file; undefined for one that stays within the answer. */
  async function linkOf(
    text: string,
    { tenant, most, origin }: Linking,
  ): Promise<{ readonly url: string; readonly link: FileLink } | undefined> {
    const [prefix, content_type] = prefixOf(text) ?? [];
    if (prefix === undefined || content_type === undefined) return undefined;
    if ((text.length - prefix.length) * 0.75 <= most) return undefined;
    const bytes = await decodeBase64(new TextEncoder().encode(text.slice(prefix.length)));
    if (!bytes || bytes.length <= most) return undefined;
    const digest = await sha256(bytes);
    const key = await keepBytes(store, 'outputs', tenant, { digest, bytes });
    const { url, expires } = await addresses.toFetch(key, content_type, origin());
    const expires_at = isoTime(expires);
    return { url, link: { size: bytes.length, content_type, sha256: digest, expires_at } };
  }

  async function linkFiles(output: Fields, linking: Linking): Promise<Fields> {
    const urls: Partial<Record<FileField, string>> = {};
    const links: Partial<Record<FileField, FileLink>> = {};
    for (const field of FILE_FIELDS) {
      const text = output[field];
      const made = typeof text === 'string' ? await linkOf(text, linking) : undefined;
      if (!made) continue;
      urls[field] = made.url;
      links[field] = made.link;
      await pause();
    }
    return Object.keys(links).length > 0 ? { ...output, ...urls, links } : output;
  }

  /** The same with the files of every output below it looked at: by target, by sample, or alone. */
  async function linkAll(outputs: unknown, linking: Linking): Promise<unknown> {
    if (Array.isArray(outputs)) {
      const linked: unknown[] = [];
      for (const output of outputs) linked.push(await linkAll(output, linking));
      return linked.every((output, i) => output === outputs[i]) ? outputs : linked;
    }
    return isObject(outputs) ? await linkFiles(outputs, linking) : outputs;
  }

  async function linkTargets(targets: unknown, linking: Linking): Promise<unknown> {
    if (!isObject(targets)) return targets;
    let hasLinks = false;
    const entries: [string, unknown][] = [];
    for (const [name, outputs] of Object.entries(targets)) {
      const linked = await linkAll(outputs, linking);
      hasLinks ||= linked !== outputs;
      entries.push([name, linked]);
    }
    return hasLinks ? Object.fromEntries(entries) : targets;
  }

  return {
    async link(c, result, asked) {
      const inline = asked ?? inlineOf(c);
      if (inline === true) return { result, hasLinks: false };
      const most = inline === false ? 0 : config.FOURM_INLINE_BYTES;
      const { outputs, merged } = result as Fields;
      try {
        const linking = { tenant: tenantOf(c), most, origin: () => originOf(c) };
        const linkedOutputs = await linkTargets(outputs, linking);
        const linkedMerged = await linkTargets(merged, linking);
        if (linkedOutputs === outputs && linkedMerged === merged)
          return { result, hasLinks: false };
        const changed = {
          ...(outputs !== undefined && { outputs: linkedOutputs }),
          ...(merged !== undefined && { merged: linkedMerged }),
        };
        return { result: { ...result, ...changed }, hasLinks: true };
      } catch (error) {
        // Whoever would have got links gets the files themselves.
        log(`outputs cannot be kept for links: ${error instanceof Error ? error.message : error}`);
        return { result, hasLinks: false };
      }
    },
  };
}
