/** A set cannot be stored or fetched: the message names it, and what is wrong. */
export class RemoteModelError extends Error {
  override readonly name = 'RemoteModelError';
}
