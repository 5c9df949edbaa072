/** The client's methods for collections. */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type {
  AddItemsRequestBody,
  AddItemsResponse,
  Collection,
  CollectionsResponse,
  CreateCollectionRequestBody,
  Deleted,
  Item,
  ItemsResponse,
} from '../api/collections.ts';
import type { ImportResponse, ImportType } from '../api/import.ts';
import type { SearchRequestBody, SearchResponse } from '../api/search.ts';
import type { Address, Call, CallOptions } from './call.ts';
import type { WithFiles } from './files.ts';

export interface PageOptions extends CallOptions {
  readonly limit?: number;
  /** `next` of the page before. */
  readonly after?: string;
}

export interface ImportOptions extends CallOptions {
  /** What the file is: lines of JSON when left out. */
  readonly type?: Exclude<ImportType, 'multipart/form-data'>;
  /** What the ids of an array begin with. */
  readonly prefix?: string;
}

export interface AddOptions extends CallOptions {
  /** Answers what the items' vectors cost, and keeps nothing. */
  readonly dryRun?: boolean;
}

/** Every method throws as `Client.generate` does. */
export interface CollectionMethods {
  /** `POST /v1/collections` */
  createCollection(
    request: CreateCollectionRequestBody,
    options?: CallOptions,
  ): Promise<Collection>;
  /** `GET /v1/collections` */
  collections(options?: PageOptions): Promise<CollectionsResponse>;
  /** `GET /v1/collections/{name}` */
  collection(name: string, options?: CallOptions): Promise<Collection>;
  /** `DELETE /v1/collections/{name}` */
  deleteCollection(name: string, options?: CallOptions): Promise<Deleted>;
  /** `POST /v1/collections/{name}/items` */
  addItems(
    name: string,
    items: WithFiles<AddItemsRequestBody['items']>,
    options?: AddOptions,
  ): Promise<AddItemsResponse>;
  /** `GET /v1/collections/{name}/items` */
  items(name: string, options?: PageOptions): Promise<ItemsResponse>;
  /** `GET /v1/collections/{name}/items/{id}` */
  item(name: string, id: string, options?: CallOptions): Promise<Item>;
  /** `DELETE /v1/collections/{name}/items/{id}` */
  deleteItem(name: string, id: string, options?: CallOptions): Promise<Deleted>;
  /**
   * `POST /v1/collections/{name}/import`
   * @param file of the type that the options name, or a form with the files `ids` and `vectors`
   */
  importItems(
    name: string,
    file: Blob | FormData,
    options?: ImportOptions,
  ): Promise<ImportResponse>;
  /** `POST /v1/collections/{name}/search` */
  search(
    name: string,
    request: WithFiles<SearchRequestBody>,
    options?: CallOptions,
  ): Promise<SearchResponse>;
}

export function collectionMethods(call: Call): CollectionMethods {
  const at = ({ method, path }: Address, steps: Readonly<Record<string, string>>): Address => ({
    method,
    path: fillPath(path, steps),
  });
  const page = (address: Address, { limit, after }: PageOptions = {}): Address => {
    const query = new URLSearchParams({
      ...(limit !== undefined && { limit: String(limit) }),
      ...(after !== undefined && { after }),
    }).toString();
    return { ...address, path: address.path + (query && `?${query}`) };
  };
  const A = ADDRESSES;
  return {
    createCollection: (request, options) =>
      call(A.createCollection, { ...options, once: true }, request),
    collections: (options) => call(page(A.collections, options), options),
    collection: (name, options) => call(at(A.collection, { name }), options),
    deleteCollection: (name, options) => call(at(A.deleteCollection, { name }), options),
    addItems: (name, items, { dryRun, ...options } = {}) =>
      call(at(A.addItems, { name }), options, { items, ...(dryRun && { dry_run: true }) }),
    items: (name, options) => call(page(at(A.items, { name }), options), options),
    item: (name, id, options) => call(at(A.item, { name, id }), options),
    deleteItem: (name, id, options) => call(at(A.deleteItem, { name, id }), options),
    importItems(name, file, { type = 'application/x-ndjson', prefix, ...given } = {}) {
      const { method, path } = at(A.importItems, { name });
      const query = prefix === undefined ? '' : `?${new URLSearchParams({ prefix })}`;
      const headers = file instanceof FormData ? {} : { 'content-type': type };
      return call({ method, path: path + query }, { ...given, headers, once: true }, file);
    },
    search: (name, request, options) => call(at(A.search, { name }), options, request),
  };
}
