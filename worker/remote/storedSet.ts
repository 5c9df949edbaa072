/**
 * A set in the object store. `models/<id>.json` says what it consists of, its descriptions included, so that
 * a worker knows what the model takes and makes before it has fetched it. The files lie in parts that are
 * named by their content: files that two sets share are stored once, and a part never changes. The index is
 * written last, so that a set is there as a whole or not at all.
 */
import * as z from 'zod';
import {
  modelSetSchema,
  tokenizerManifestSchema,
  trunkManifestSchema,
} from '../../shared/model/manifest.ts';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** An id that can be a key's segment and a folder's name. */
export const isStorableId = (id: string): boolean =>
  /^[\w.-]{1,100}$/.test(id) && !/^\.+$/.test(id);

/** A path inside the set's folder: never out of it. */
const pathSchema = z
  .string()
  .max(400)
  .refine((path) => path.split('/').every((name) => /^[\w.-]+$/.test(name) && !/^\.+$/.test(name)));

export const storedFileSchema = z.object({
  path: pathSchema,
  bytes: z.number().int().min(0),
  sha256: sha256Schema,
  /** sha256 of each part, in order. */
  parts: z.array(sha256Schema),
});
export type StoredFile = z.infer<typeof storedFileSchema>;

export const storedSetSchema = z.object({
  /** Layout of this object; a worker refuses what it does not know. */
  format: z.literal(1),
  set: modelSetSchema.extend({
    // Both become the name of a folder.
    id: z.string().refine(isStorableId),
    digest: sha256Schema,
  }),
  fm: trunkManifestSchema,
  tokenizers: z.record(z.string(), tokenizerManifestSchema),
  files: z.array(storedFileSchema).max(10_000),
});
export type StoredSet = z.infer<typeof storedSetSchema>;

/** Bytes of a part at most. */
export const PART_BYTES = 32 * 2 ** 20;

export const INDEX_PREFIX = 'models/';
export const indexKey = (id: string): string => `${INDEX_PREFIX}${id}.json`;
export const partKey = (sha256: string): string => `model-parts/${sha256.slice(0, 2)}/${sha256}`;
