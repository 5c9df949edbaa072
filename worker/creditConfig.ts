/** Settings of what is charged: where each charge is told. */
import * as z from 'zod';
import { optional } from './storeConfig.ts';

/** Whether an address is https, or http on this machine. */
function isAllowed(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username } = new URL(text);
  const isLocal = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  return username === '' && (protocol === 'https:' || (protocol === 'http:' && isLocal));
}

export const creditFields = {
  /** Address that each charge is sent to as a CloudEvent: https, or http on this machine. */
  FOURM_USAGE_SINK: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z
      .string()
      .refine(isAllowed, 'has to be an https address, or an http one on this machine')
      .optional(),
  ),
  /** Sent to it as `Authorization: Bearer`. */
  FOURM_USAGE_SINK_TOKEN: optional,
};
