/**
 * The digest that every stored object carries. It covers the object's key, content type and bytes, so
 * that a changed byte, a cut file, and two objects that changed places are all found out on reading.
 */
import { sha256 } from '../sha256.ts';

/** sha256 in hex over what the object is called, what kind it is, and the sha256 of its bytes. */
export async function sealOf(
  key: string,
  contentType: string,
  body: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const sealed = ['4m-object-1', key, contentType, await sha256(body)];
  return await sha256(sealed.join('\n'));
}
