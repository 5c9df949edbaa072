/** Base64 and bytes, as fast as the platform has it: a picture of many megabytes passes here. */

interface WithBase64 {
  fromBase64?(text: string): Uint8Array<ArrayBuffer>;
}
interface ToBase64 {
  toBase64?(): string;
}

/** Characters that one call of `String.fromCharCode` takes without a full stack. */
const PIECE = 0x8000;

/** The bytes that base64 text stands for. @throws an error when it is not base64 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = Uint8Array as Uint8ArrayConstructor & WithBase64;
  if (native.fromBase64) return native.fromBase64(text);
  // A plain loop: `Uint8Array.from` with a function takes thirty times as long.
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Bytes as base64 text. */
export function toBase64(bytes: Uint8Array): string {
  const native = bytes as Uint8Array & ToBase64;
  if (native.toBase64) return native.toBase64();
  const pieces: string[] = [];
  for (let i = 0; i < bytes.length; i += PIECE) {
    pieces.push(String.fromCharCode(...bytes.subarray(i, i + PIECE)));
  }
  return btoa(pieces.join(''));
}
