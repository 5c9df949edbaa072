/** Routes of the route table about collections. */
import * as z from 'zod';
import { ADDRESSES } from './addresses.ts';
import { ITEMS_BOUNDS } from './bounds.ts';
import {
  addItemsRequestSchema,
  addItemsResponseSchema,
  collectionNameSchema,
  collectionSchema,
  collectionsResponseSchema,
  createCollectionRequestSchema,
  deletedSchema,
  itemIdSchema,
  itemSchema,
  itemsResponseSchema,
  pageSizeSchema,
} from './collections.ts';
import { describeForm, formOf } from './form.ts';
import { IMPORT_TYPES, importResponseSchema } from './import.ts';
import type { Route } from './route.ts';
import { BODY_PROBLEMS, INPUT_PROBLEMS, WORKER_PROBLEMS } from './routeProblems.ts';
import { searchRequestSchema, searchResponseSchema } from './search.ts';

const NAME = { name: 'name', description: 'A collection', schema: collectionNameSchema };
const ID = {
  name: 'id',
  description: 'An item, its id escaped for addresses',
  schema: itemIdSchema,
};
const PAGE = [
  { name: 'limit', description: 'Entries of a page', schema: pageSizeSchema },
  {
    name: 'after',
    description: '`next` of the page before',
    schema: z.string().min(1).max(256).optional(),
  },
];
/** What every address of collections can answer. */
const PLACE_PROBLEMS = ['no_collections', 'store_unavailable', ...WORKER_PROBLEMS] as const;
const COLLECTION_PROBLEMS = ['invalid_request', 'unknown_collection', ...PLACE_PROBLEMS] as const;

const searchForm = formOf(searchRequestSchema);

export const COLLECTION_ROUTES = {
  createCollection: {
    id: 'createCollection',
    ...ADDRESSES.createCollection,
    tag: 'collections',
    summary: 'Make a collection',
    description: 'What its vectors are, and which metadata items can have, is fixed from then on.',
    request: { json: createCollectionRequestSchema },
    response: { 'application/json': collectionSchema },
    problems: [
      ...BODY_PROBLEMS,
      'collection_exists',
      'unknown_target',
      'input_only',
      'invalid_target',
      'no_tokenizer',
      ...PLACE_PROBLEMS,
    ],
  },
  collections: {
    id: 'collections',
    ...ADDRESSES.collections,
    tag: 'collections',
    summary: 'Collections, by name',
    query: PAGE,
    response: { 'application/json': collectionsResponseSchema },
    problems: ['invalid_request', ...PLACE_PROBLEMS],
  },
  collection: {
    id: 'collection',
    ...ADDRESSES.collection,
    tag: 'collections',
    summary: 'A collection, with the number of its items',
    parameters: [NAME],
    response: { 'application/json': collectionSchema },
    problems: COLLECTION_PROBLEMS,
  },
  deleteCollection: {
    id: 'deleteCollection',
    ...ADDRESSES.deleteCollection,
    tag: 'collections',
    summary: 'Delete a collection with everything in it',
    parameters: [NAME],
    response: { 'application/json': deletedSchema },
    problems: COLLECTION_PROBLEMS,
  },
  addItems: {
    id: 'addItems',
    ...ADDRESSES.addItems,
    tag: 'collections',
    summary: 'Add items, or replace those with their ids',
    description:
      'All items are kept when this is answered; none, when it is refused. Calls at once share a commit.',
    parameters: [NAME],
    request: { json: addItemsRequestSchema, bounds: ITEMS_BOUNDS },
    response: { 'application/json': addItemsResponseSchema },
    problems: [
      ...BODY_PROBLEMS,
      ...INPUT_PROBLEMS,
      'invalid_vector',
      'invalid_metadata',
      'unknown_collection',
      ...PLACE_PROBLEMS,
    ],
  },
  items: {
    id: 'items',
    ...ADDRESSES.items,
    tag: 'collections',
    summary: 'Items of a collection, by id',
    parameters: [NAME],
    query: PAGE,
    response: { 'application/json': itemsResponseSchema },
    problems: COLLECTION_PROBLEMS,
  },
  item: {
    id: 'item',
    ...ADDRESSES.item,
    tag: 'collections',
    summary: 'An item with its vector',
    parameters: [NAME, ID],
    response: { 'application/json': itemSchema },
    problems: ['unknown_item', ...COLLECTION_PROBLEMS],
  },
  deleteItem: {
    id: 'deleteItem',
    ...ADDRESSES.deleteItem,
    tag: 'collections',
    summary: 'Delete an item',
    parameters: [NAME, ID],
    response: { 'application/json': deletedSchema },
    problems: ['unknown_item', ...COLLECTION_PROBLEMS],
  },
  importItems: {
    id: 'importItems',
    ...ADDRESSES.importItems,
    tag: 'collections',
    summary: 'Add many items from a file',
    description:
      'The file is read as it comes, however large it is. Each line stands alone: one that does not fit is told ' +
      'and holds up no other. The same file can be sent again after an interruption, since items with the same ' +
      'ids are replaced.',
    parameters: [NAME],
    query: [
      {
        name: 'prefix',
        description: 'What the ids of an array without ids begin with',
        schema: z.string().max(200).optional(),
      },
    ],
    request: { bytes: IMPORT_TYPES },
    response: { 'application/json': importResponseSchema },
    problems: [
      'invalid_request',
      'invalid_multipart',
      'empty_request',
      'unsupported_media_type',
      'too_large',
      'too_slow',
      'unknown_collection',
      ...PLACE_PROBLEMS,
    ],
  },
  search: {
    id: 'search',
    ...ADDRESSES.search,
    tag: 'collections',
    summary: 'The items nearest to what is asked for',
    description:
      `${describeForm(searchForm)} ` +
      'Asks with inputs, an item, a ready vector, or a `mix` of them by weight; a weight below 0 pushes away. ' +
      '`filter` leaves items out by their metadata before they are compared.',
    parameters: [NAME],
    request: { json: searchRequestSchema, form: searchForm },
    response: { 'application/json': searchResponseSchema },
    problems: [
      ...BODY_PROBLEMS,
      ...INPUT_PROBLEMS,
      'invalid_vector',
      'invalid_filter',
      'unknown_item',
      'unknown_collection',
      ...PLACE_PROBLEMS,
    ],
  },
} as const satisfies Record<string, Route>;
