/** Routes of the route table about uploads, and about addresses that were given for a while. */
import * as z from 'zod';
import { ADDRESSES } from './addresses.ts';
import { deletedSchema } from './collections.ts';
import type { Route } from './route.ts';
import { BODY_PROBLEMS } from './routeProblems.ts';
import {
  createdUploadSchema,
  createUploadRequestSchema,
  uploadIdSchema,
  uploadSchema,
} from './uploads.ts';

const ID = [{ name: 'id', description: 'Id of the upload', schema: uploadIdSchema }];
const PERMIT = [
  { name: 'permit', description: 'What the address allows, signed', schema: z.string() },
];
const LINK_PROBLEMS = ['invalid_link', 'link_expired', 'store_unavailable'] as const;

export const UPLOAD_ROUTES = {
  createUpload: {
    id: 'createUpload',
    ...ADDRESSES.createUpload,
    tag: 'uploads',
    summary: 'Begin an upload',
    description:
      'Answers where the bytes are sent to: `PUT` them to `url` with `headers`, and name the upload as ' +
      '`{"upload": id}` wherever an input takes a file. On an S3 store the address is one of the S3 server.',
    request: { json: createUploadRequestSchema },
    response: { 'application/json': createdUploadSchema },
    problems: [...BODY_PROBLEMS, 'store_unavailable'],
  },
  upload: {
    id: 'upload',
    ...ADDRESSES.upload,
    tag: 'uploads',
    summary: 'Whether the bytes of an upload have come',
    parameters: ID,
    response: { 'application/json': uploadSchema },
    problems: ['unknown_upload', 'store_unavailable'],
  },
  deleteUpload: {
    id: 'deleteUpload',
    ...ADDRESSES.deleteUpload,
    tag: 'uploads',
    summary: 'Delete an upload',
    description: 'Requests that were answered, and jobs under way, have what they need of it.',
    parameters: ID,
    response: { 'application/json': deletedSchema },
    problems: ['unknown_upload', 'store_unavailable'],
  },
  link: {
    id: 'link',
    ...ADDRESSES.link,
    tag: 'uploads',
    scope: 'none',
    summary: 'The bytes behind a link of an answer',
    parameters: PERMIT,
    response: {
      'application/octet-stream': { description: 'The bytes of an array', text: false },
      'application/x-npy': { description: 'The bytes of an array', text: false },
      'image/png': { description: 'The bytes of a picture', text: false },
    },
    problems: ['not_found', ...LINK_PROBLEMS],
  },
  putLink: {
    id: 'putLink',
    ...ADDRESSES.putLink,
    tag: 'uploads',
    scope: 'none',
    summary: 'Send the bytes of an upload',
    description: 'The address is the one that `POST /v1/uploads` answered.',
    parameters: PERMIT,
    request: { bytes: { 'application/octet-stream': 'The bytes, in the type that was announced' } },
    response: { 'application/json': uploadSchema },
    problems: [
      'unsupported_media_type',
      'upload_mismatch',
      'unknown_upload',
      'too_large',
      'too_slow',
      'empty_request',
      'overloaded',
      ...LINK_PROBLEMS,
    ],
  },
} as const satisfies Record<string, Route>;
