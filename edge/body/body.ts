/** The body of one request, as its handler gets it. */
export interface Body {
  /** All bytes. @throws FailureError as `readBytes` of `stream.ts` */
  bytes(request: Request): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * The bytes as they come; they are held only by whoever takes them.
   * @throws FailureError `too_slow` when nothing comes for a while, `overloaded`
   */
  stream(request: Request): AsyncGenerator<Uint8Array>;
}

/** A body that was read already: whoever asks next is given the same bytes, at once or as a stream. */
export const readBody = (bytes: Uint8Array<ArrayBuffer>): Body => ({
  bytes: async () => bytes,
  async *stream() {
    yield bytes;
  },
});
