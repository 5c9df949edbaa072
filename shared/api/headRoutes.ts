/** Routes of the route table about heads: classifying with them, fitting, keeping and deleting them. */
import * as z from 'zod';
import { ADDRESSES } from './addresses.ts';
import { EXAMPLES_BOUNDS, ITEMS_BOUNDS } from './bounds.ts';
import { classifyDryRunSchema, classifyRequestSchema, classifyResponseSchema } from './classify.ts';
import { describeForm, formOf } from './form.ts';
import { generateRequestSchema } from './generate.ts';
import {
  deletedSchema,
  fitHeadDryRunSchema,
  fitHeadRequestSchema,
  headNameSchema,
  headResponseSchema,
  headSchema,
  headsResponseSchema,
  headVersionSchema,
} from './heads.ts';

import type { Route } from './route.ts';
import { LINE_PROBLEMS, TASK_PROBLEMS, WORKER_PROBLEMS } from './routeProblems.ts';
import { taskEvents } from './taskEvents.ts';

const NAME = [{ name: 'name', description: 'Name of the head', schema: headNameSchema }];
const VERSION = {
  name: 'version',
  description: 'One of its versions; the newest when absent',
  schema: headVersionSchema.optional(),
};
const HEAD_PROBLEMS = ['unknown_head', 'store_unavailable'] as const;

const classifyForm = formOf(classifyRequestSchema);

export const HEAD_ROUTES = {
  classify: {
    id: 'classify',
    ...ADDRESSES.classify,
    tag: 'heads',
    scope: 'classify',
    summary: 'Classify inputs of any modalities',
    description:
      `${describeForm(classifyForm)} ` +
      'A head of `/v1/heads`, or the one that a backbone was exported with, turns the features of the inputs ' +
      'into probabilities of its classes. Several items share a request. `dry_run` answers the cost and runs ' +
      'nothing. Equal requests are answered from the store, as those to generate are.',
    request: { json: classifyRequestSchema, form: classifyForm, bounds: ITEMS_BOUNDS },
    canBeJob: true,
    response: {
      'application/json': z.union([classifyResponseSchema, classifyDryRunSchema]),
      ...taskEvents('each item', classifyResponseSchema),
    },
    problems: [...TASK_PROBLEMS, ...LINE_PROBLEMS, 'unknown_head', 'head_mismatch', 'invalid_head'],
  },
  fitHead: {
    id: 'fitHead',
    ...ADDRESSES.fitHead,
    tag: 'heads',
    summary: 'Fit a head to labelled examples',
    description:
      'Multinomial logistic regression on the frozen features of the examples. The strength of its penalty is ' +
      'chosen by cross-validation, and its probabilities are calibrated on predictions of held-out examples, ' +
      'which the report is about as well. `Accept: text/event-stream` answers the events `progress`, then ' +
      '`result` or `problem`. A head that exists gets a further version; the same examples make the same one.',
    request: { json: fitHeadRequestSchema, bounds: EXAMPLES_BOUNDS },
    canBeJob: true,
    response: {
      'application/json': z.union([headSchema, fitHeadDryRunSchema]),
      ...taskEvents('each step', headSchema),
    },
    problems: [...TASK_PROBLEMS, 'invalid_examples', 'head_mismatch'],
  },
  heads: {
    id: 'heads',
    ...ADDRESSES.heads,
    tag: 'heads',
    summary: 'The heads that are kept',
    response: { 'application/json': headsResponseSchema },
    problems: ['store_unavailable'],
  },
  head: {
    id: 'head',
    ...ADDRESSES.head,
    tag: 'heads',
    summary: 'A head: its labels and report, its file, or its confusion matrix',
    description:
      'JSON describes it. `Accept: application/octet-stream` answers the safetensors file, with the LayerNorm ' +
      '`output_head.1`, the Linear `output_head.2` and the labels in its metadata; `Accept: image/png` the ' +
      'confusion matrix of a fitted head.',
    parameters: NAME,
    query: [VERSION],
    response: {
      'application/json': headResponseSchema,
      'application/octet-stream': { description: 'The file, in safetensors', text: false },
      'image/png': { description: 'The confusion matrix of a fitted head', text: false },
    },
    problems: ['invalid_request', 'not_acceptable', ...HEAD_PROBLEMS],
  },
  putHead: {
    id: 'putHead',
    ...ADDRESSES.putHead,
    tag: 'heads',
    summary: 'Keep a head that was made elsewhere',
    description:
      'The body is a safetensors file with a LayerNorm (`output_head.1.weight`, `.bias`) and a Linear ' +
      '(`output_head.2.weight`, `.bias`), as heads of 4M backbones are, and a JSON list `labels` in its ' +
      'metadata; without one its classes are called by their numbers.',
    parameters: NAME,
    query: [
      {
        name: 'model',
        description: 'The model whose features it looks at; the first one when absent',
        schema: generateRequestSchema.shape.model,
      },
    ],
    request: { bytes: { 'application/octet-stream': 'A safetensors file' } },
    response: { 'application/json': headSchema },
    problems: [
      'empty_request',
      'too_large',
      'too_slow',
      'unsupported_media_type',
      'invalid_request',
      'invalid_head',
      'head_mismatch',
      'store_unavailable',
      ...WORKER_PROBLEMS,
    ],
  },
  deleteHead: {
    id: 'deleteHead',
    ...ADDRESSES.deleteHead,
    tag: 'heads',
    summary: 'Delete a head, or one of its versions',
    parameters: NAME,
    query: [{ ...VERSION, description: 'The version to delete; all of them when absent' }],
    response: { 'application/json': deletedSchema },
    problems: ['invalid_request', ...HEAD_PROBLEMS],
  },
} as const satisfies Record<string, Route>;
