/** The body of one request, as its handler gets it. */
export interface Body {
  /** All bytes. @throws FailureError as `readBytes` of `stream.ts` */
  bytes(request: Request): Promise<Uint8Array<ArrayBuffer>>;
}
