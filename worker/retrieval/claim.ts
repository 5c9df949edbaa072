/**
 * Who looks after a collection now, among the workers that share it. A claim spares work that two would do; it is
 * no lock: two who claim at the same instant both work, and LanceDB lets one of their commits stand.
 */
import * as z from 'zod';
import { hasEnded, ownMark } from '../owner.ts';
import type { Table } from './lance.ts';

const CLAIM = 'fourm.upkeep';
/** A claim from another machine, whose process cannot be asked for, ends by itself. */
const LIFE_MILLISECONDS = 15 * 60_000;

const claimSchema = z.object({ by: z.string(), until: z.number() });

/** Takes the claim. @returns false when another process that may still be at work has it */
export async function claimUpkeep(table: Table): Promise<boolean> {
  const schema = await table.schema();
  const text = schema.fields[0]?.metadata.get(CLAIM);
  const held = text === undefined ? undefined : claimSchema.safeParse(JSON.parse(text)).data;
  const own = ownMark();
  const isOthers = held && held.by !== own && held.until > Date.now() && !hasEnded(held.by);
  if (isOthers) return false;
  const claim = { by: own, until: Date.now() + LIFE_MILLISECONDS };
  await table.updateFieldMetadata([{ path: 'id', metadata: { [CLAIM]: JSON.stringify(claim) } }]);
  return true;
}

export async function releaseUpkeep(table: Table): Promise<void> {
  await table.updateFieldMetadata([{ path: 'id', metadata: { [CLAIM]: null } }]);
}
