/** `GET /v1/usage`: what the tenant was charged, summed up, and what his credit has left. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { whileStoreWorks } from '../../shared/api/storeFailure.ts';
import {
  MOST_USAGE_DAYS,
  type UsageGroup,
  type UsageResponse,
  type UsageRow,
  usageQuerySchema,
} from '../../shared/api/usage.ts';
import { dayOf } from '../../shared/credit/ledger.ts';
import { createUsageLook } from '../../shared/credit/look.ts';
import { SUMS, summed } from '../../shared/credit/rows.ts';
import { daysBetween, isDay } from '../../shared/credit/usage.ts';
import { preferredOf } from '../accept.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';

const DAY = 86_400_000;
/** Before today, where a request names no first day. */
const DAYS_BEFORE = 29;

interface Asked {
  readonly days: readonly string[];
  readonly groups: readonly UsageGroup[];
  readonly isTable: boolean;
}

/** @throws FailureError `invalid_request` */
function askedOf(c: EdgeContext, now: number): Asked {
  const parsed = usageQuerySchema.safeParse(c.req.query());
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0] ?? '');
    throw refusal('invalid_request', `${name}: ${issue?.message}`, pointerTo(name));
  }
  const { to = dayOf(now), group_by: groups, format } = parsed.data;
  for (const [name, day] of [['to', to] as const, ['from', parsed.data.from ?? to] as const])
    if (!isDay(day))
      throw refusal('invalid_request', `${name}: there is no ${day}`, pointerTo(name));
  const from = parsed.data.from ?? dayOf(Date.parse(`${to}T00:00:00Z`) - DAYS_BEFORE * DAY);
  const days = daysBetween(from, to);
  if (days.length === 0 || days.length > MOST_USAGE_DAYS) {
    const detail = `from must be at most ${MOST_USAGE_DAYS - 1} days before to, and not behind it`;
    throw refusal('invalid_request', detail, pointerTo('from'));
  }
  // Whoever wants neither of both gets JSON.
  const wanted = preferredOf(c.req.header('accept'), ['application/json', 'text/csv']);
  const isTable = (format ?? (wanted === 'text/csv' ? 'csv' : 'json')) === 'csv';
  return { days, groups, isTable };
}

/** A cell of RFC 4180. What a spreadsheet would take for a formula, such as a model's name, stands behind an apostrophe. */
const cell = (value: string | number | undefined): string => {
  const isFormula = typeof value === 'string' && /^[=+\-@\t\r]/.test(value);
  const text = `${isFormula ? "'" : ''}${value ?? ''}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Rows as a table with a line of names. */
export function tableOf(rows: readonly UsageRow[], groups: readonly UsageGroup[]): string {
  const names = [...groups, ...SUMS];
  const lines = rows.map((row) => names.map((name) => cell(row[name])).join(','));
  return [names.join(','), ...lines, ''].join('\r\n');
}

export function createUsageRoute(services: Services) {
  const lookAt = services.credit && createUsageLook(services.credit.services);
  return async (c: EdgeContext): Promise<Response> => {
    const { credit } = services;
    if (!credit || !lookAt)
      throw refusal('no_credit', 'this server charges nothing, so it has no usage to tell');
    const { days, groups, isTable } = askedOf(c, credit.now());
    const tenant = tenantOf(c);
    const look = async () => {
      await credit.flush(tenant);
      return await lookAt(tenant, days);
    };
    const { rows, standing } = await whileStoreWorks(
      services.log,
      'the usage cannot be read',
      look,
    );
    const grouped = summed(rows, groups);
    c.header('cache-control', 'no-store');
    c.header('vary', 'accept');
    if (isTable) {
      c.header('content-type', 'text/csv; charset=utf-8');
      return c.body(tableOf(grouped, groups));
    }
    const [total] = summed(rows, []);
    const none = { requests: 0, cached: 0, units: 0, amount: 0, returned: 0 };
    return c.json({
      from: days[0] ?? '',
      to: days.at(-1) ?? '',
      currency: credit.prices.currency,
      ...standing,
      group_by: [...groups],
      rows: grouped,
      total: total ?? none,
    } satisfies UsageResponse);
  };
}
