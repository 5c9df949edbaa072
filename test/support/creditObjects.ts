/** What bare objects of a store say of a tenant's credit. */
import type { Lease } from '../../shared/credit/account.ts';
import type { Charge, LedgerRecord } from '../../shared/credit/ledger.ts';
import type { PlacedObject } from '../../shared/store/whole.ts';

/** Leases as any revision of the account names them, read without any of the code that is tested. */
export function leasesIn(
  objects: ReadonlyMap<string, PlacedObject>,
  tenant: string,
): Map<string, Lease> {
  const found = [...objects]
    .filter(([key]) => key.startsWith(`credit/${tenant}/`))
    .flatMap(([, { body }]) => JSON.parse(new TextDecoder().decode(body)).leases as Lease[]);
  return new Map(found.map((lease) => [lease.id, lease]));
}

export interface LeaseRecords {
  readonly charges: readonly Charge[];
  /** Who wrote the last record. */
  readonly endedBy: string | undefined;
}

/** The log of each lease. */
export function logsIn(
  objects: ReadonlyMap<string, PlacedObject>,
  tenant: string,
): Map<string, LeaseRecords> {
  const logs = new Map<string, LeaseRecords>();
  for (const [key, { body }] of objects) {
    if (!key.startsWith(`usage/${tenant}/`)) continue;
    const lease = key.split('/')[2] ?? '';
    const record = JSON.parse(new TextDecoder().decode(body)) as LedgerRecord;
    const before = logs.get(lease);
    logs.set(lease, {
      charges: [...(before?.charges ?? []), ...record.charges],
      endedBy: record.end ? record.writer : before?.endedBy,
    });
  }
  return logs;
}
