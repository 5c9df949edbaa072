/** `GET /v1/usage`: what was charged, and what the credit has left. */
import * as z from 'zod';

export const USAGE_GROUPS = ['day', 'key', 'task', 'model'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

/** Days of one answer at most. */
export const MOST_USAGE_DAYS = 366;

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a day, such as 2026-01-31');
const count = z.number().int();
const amount = count.describe('In millionths of the currency');

export const usageQuerySchema = z.object({
  from: day.optional(),
  to: day.optional(),
  group_by: z
    .string()
    .default('day')
    .transform((text) => text.split(',').filter((name) => name !== ''))
    .pipe(z.array(z.enum(USAGE_GROUPS))),
  format: z.enum(['json', 'csv']).optional(),
});

const sums = {
  requests: count.describe('Charges, those of jobs that failed among them'),
  cached: count.describe('Of these, results that were stored or made for others'),
  units: count.describe('Units of what is charged'),
  amount,
  returned: count.describe('What came back of jobs that failed or were canceled, in the same'),
};

export const usageRowSchema = z
  .object({
    day: day.optional().describe('In UTC'),
    key: z.string().optional().describe('Id of the key; empty where there was none'),
    task: z.string().optional().describe('The operation that was asked for, by its operationId'),
    model: z.string().optional().describe('The model that worked; empty where none did'),
    ...sums,
  })
  .meta({ id: 'UsageRow', description: 'What was charged, of one group' });
export type UsageRow = z.infer<typeof usageRowSchema>;

export const usageResponseSchema = z
  .object({
    from: day.describe('The first day, in UTC'),
    to: day.describe('The last day'),
    currency: z.string().describe('Code of ISO 4217, such as EUR'),
    balance: amount.describe('What the credit has left, in millionths of the currency'),
    held: amount.describe(
      'What edges hold of the credit and have not charged: it is spent or comes back',
    ),
    charged: amount.describe(
      'What was ever charged and has not come back, with jobs that have not ended: granted = balance + held + charged',
    ),
    granted: amount.describe('All credit that was ever granted'),
    group_by: z.array(z.enum(USAGE_GROUPS)).describe('What the rows are told apart by'),
    rows: z.array(usageRowSchema).describe('Sorted by what they are told apart by'),
    total: z.object(sums).describe('The sums of all rows'),
  })
  .meta({ id: 'UsageResponse', description: 'What was charged, and what the credit has left' });
export type UsageResponse = z.infer<typeof usageResponseSchema>;
