/** The setting that says where users' addresses may lead besides https to the public internet. */
import * as z from 'zod';
import type { Allow } from './allowed.ts';

/**
 * `http`, `loopback` for this machine, or both with a comma; nothing when left out. For tests, and where everything runs
 * on one machine.
 */
export const allowSetting = z
  .string()
  .default('')
  .transform((text, context): Allow => {
    const words = text.split(',').map((word) => word.trim());
    if (words.every((word) => ['', 'http', 'loopback'].includes(word)))
      return { http: words.includes('http'), loopback: words.includes('loopback') };
    context.addIssue({
      code: 'custom',
      message: 'has to be http, loopback, or both with a comma',
    });
    return z.NEVER;
  });
