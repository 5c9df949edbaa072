/**
 * The files of a request, beside its JSON. Files are bytes from the moment they are read until they are
 * sent to a worker; in the request a short name stands for each. As base64 texts they would be parsed,
 * copied and written as a whole, each time for as long as the event loop must not be held.
 */
import { sha256 } from '../../shared/results/content.ts';
import { base64Length, encodeBase64 } from './base64.ts';

/** A file that lies in the store, where workers find it: what is known of it stands for its bytes. */
export interface StoredFile {
  /** What a worker is told in its place. */
  readonly place: string;
  /** In hex. */
  readonly sha256: string;
  /** Its first bytes, as many as tell what it is. */
  readonly head: Uint8Array;
  /** Of a picture. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

export interface Files {
  /** Takes a file in. @returns the name that stands for it in the request's JSON */
  add(bytes: Uint8Array<ArrayBuffer>): string;
  /** Takes in a file without its bytes. @returns the name that stands for it */
  addStored(file: StoredFile): string;
  /** The file of the store that a name stands for. */
  stored(name: string): StoredFile | undefined;
  /** The file of a name; undefined for any other text. */
  bytesOf(name: string): Uint8Array<ArrayBuffer> | undefined;
  /** Name -> sha256 of the file, in hex. */
  digests(): Promise<ReadonlyMap<string, string>>;
  /** JSON in UTF-8, each file in its place as base64, or as where it lies. */
  fillIn(json: string): Promise<Uint8Array<ArrayBuffer>>;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** A text in pieces, every other of which is a name. It is searched: an expression of its own is compiled for each request. */
function namesApart(text: string, secret: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, from)) {
    let end = at + secret.length;
    while (isDigit(text.charCodeAt(end))) end++;
    pieces.push(text.slice(from, at), text.slice(at, end));
    from = end;
  }
  pieces.push(text.slice(from));
  return pieces;
}

/** No file at all. */
export function createFiles(): Files {
  // Nobody can guess a name, so no caller can name a file twice to make a request larger than its body.
  const secret = `file:${crypto.randomUUID()}:`;
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const stored = new Map<string, StoredFile>();
  const nextName = (): string => `${secret}${files.size + stored.size}`;

  return {
    add(bytes) {
      const name = nextName();
      files.set(name, bytes);
      return name;
    },
    addStored(file) {
      const name = nextName();
      stored.set(name, file);
      return name;
    },
    stored: (name) => stored.get(name),
    bytesOf: (name) => files.get(name),
    async digests() {
      const digests = new Map<string, string>();
      for (const [name, bytes] of files) digests.set(name, await sha256(bytes));
      for (const [name, file] of stored) digests.set(name, file.sha256);
      return digests;
    },
    async fillIn(json) {
      const encoder = new TextEncoder();
      const pieces = namesApart(json, secret).map((piece) => {
        const file = files.get(piece);
        if (file) return { file, length: base64Length(file.length) };
        return encoder.encode(stored.get(piece)?.place ?? piece);
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
