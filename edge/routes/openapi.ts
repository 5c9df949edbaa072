/** `GET /openapi.json`. */
import { openApiDocument } from '../openapi.ts';
import type { EdgeContext } from '../problems.ts';

export const openapi = (c: EdgeContext): Response => c.json(openApiDocument());
