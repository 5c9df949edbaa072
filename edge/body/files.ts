/**
 * The files of a request, beside its JSON. Files are bytes from the moment they are read until they are
 * sent to a worker; in the request a short name stands for each. As base64 texts they would be parsed,
 * copied and written as a whole, each time for as long as the event loop must not be held.
 */
import { sha256 } from '../../shared/results/content.ts';
import { base64Length, encodeBase64 } from './base64.ts';

export interface Files {
  /** Takes a file in. @returns the name that stands for it in the request's JSON */
  add(bytes: Uint8Array<ArrayBuffer>): string;
  /** The file of a name; undefined for any other text. */
  bytesOf(name: string): Uint8Array<ArrayBuffer> | undefined;
  /** Name -> sha256 of the file, in hex. */
  digests(): Promise<ReadonlyMap<string, string>>;
  /** JSON in UTF-8, each file in its place as base64. */
  fillIn(json: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** No file at all. */
export function createFiles(): Files {
  // Nobody can guess a name, so no caller can name a file twice to make a request larger than its body.
  const secret = `file:${crypto.randomUUID()}:`;
  const files = new Map<string, Uint8Array<ArrayBuffer>>();

  return {
    add(bytes) {
      const name = `${secret}${files.size}`;
      files.set(name, bytes);
      return name;
    },
    bytesOf: (name) => files.get(name),
    async digests() {
      const digests = new Map<string, string>();
      for (const [name, bytes] of files) digests.set(name, await sha256(bytes));
      return digests;
    },
    async fillIn(json) {
      const encoder = new TextEncoder();
      // Every other piece is a name.
      const pieces = json.split(new RegExp(`(${secret}\\d+)`)).map((piece) => {
        const file = files.get(piece);
        return file ? { file, length: base64Length(file.length) } : encoder.encode(piece);
      });
      const filled = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
      let at = 0;
      for (const piece of pieces) {
        if ('file' in piece) await encodeBase64(piece.file, filled.subarray(at));
        else filled.set(piece, at);
        at += piece.length;
      }
      return filled;
    },
  };
}
