/** What work costs, as answers and dry runs say it. */
import * as z from 'zod';

/** Beside the units; there where the server charges. */
export const priceFields = {
  price: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe(
      'What computing it costs, in millionths of the currency; a stored result is charged a share (X-4M-Charged)',
    ),
  currency: z.string().optional().describe('Code of ISO 4217, such as EUR'),
};

export const pricedUnitsSchema = z
  .object({
    units: z.number().int().min(0).describe('Known before the request runs'),
    ...priceFields,
  })
  .meta({ id: 'PricedUnits', description: 'What a request costs' });
