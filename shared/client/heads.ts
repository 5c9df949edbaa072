/** The client's methods for heads. */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { ClassifyRequestBody, ClassifyResponse } from '../api/classify.ts';
import type { Progress } from '../api/generate.ts';
import type { FitHeadRequestBody, Head, HeadResponse, HeadsResponse } from '../api/heads.ts';
import type { Address, Call, CallOptions } from './call.ts';
import type { Bytes, WithFiles } from './files.ts';

export interface HeadOptions extends CallOptions {
  /** The newest when left out; all of them where one is deleted. */
  readonly version?: string;
}

export interface PutHeadOptions extends CallOptions {
  /** The model whose features it looks at; the first one when left out. */
  readonly model?: string;
}

export interface FitOptions extends CallOptions {
  /** Asks for server-sent events and is called for every step. */
  readonly onProgress?: (progress: Progress) => void;
}

/** Every method throws as `Client.generate` does. */
export interface HeadMethods {
  /** `POST /v1/classify` */
  classify(
    request: WithFiles<ClassifyRequestBody>,
    options?: CallOptions,
  ): Promise<ClassifyResponse>;
  /** `POST /v1/heads`: fits a head to labelled examples, and keeps it. */
  fitHead(request: WithFiles<FitHeadRequestBody>, options?: FitOptions): Promise<Head>;
  /** `PUT /v1/heads/{name}`: keeps a head that was made elsewhere, a safetensors file. */
  putHead(name: string, file: Bytes, options?: PutHeadOptions): Promise<Head>;
  /** `GET /v1/heads` */
  heads(options?: CallOptions): Promise<HeadsResponse>;
  /** `GET /v1/heads/{name}` */
  head(name: string, options?: HeadOptions): Promise<HeadResponse>;
  /** `DELETE /v1/heads/{name}` */
  deleteHead(name: string, options?: HeadOptions): Promise<{ deleted: number }>;
}

export function headMethods(
  call: Call,
  compute: <T>(path: string, request: unknown, options?: FitOptions) => Promise<T>,
): HeadMethods {
  const A = ADDRESSES;
  const at = (
    { method, path }: Address,
    name: string,
    given: Readonly<Record<string, string | undefined>>,
  ): Address => {
    const query = Object.entries(given)
      .flatMap(([key, value]) => (value === undefined ? [] : `${key}=${encodeURIComponent(value)}`))
      .join('&');
    return { method, path: fillPath(path, { name }) + (query && `?${query}`) };
  };
  return {
    classify: (request, options) => call(A.classify, options, request),
    fitHead: (request, options) => compute(A.fitHead.path, request, options),
    putHead: (name, file, { model, ...options } = {}) =>
      call(at(A.putHead, name, { model }), options, file),
    heads: (options) => call(A.heads, options),
    head: (name, { version, ...options } = {}) => call(at(A.head, name, { version }), options),
    deleteHead: (name, { version, ...options } = {}) =>
      call(at(A.deleteHead, name, { version }), options),
  };
}
