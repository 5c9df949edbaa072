/** Licences of weights, as data: which allow commercial use, which do not; of all others nothing is known. */

/** SPDX ids of licences that allow commercial use (https://spdx.org/licenses), in lower case. */
const COMMERCIAL: ReadonlySet<string> = new Set([
  ...['0bsd', 'apache-2.0', 'bsd-2-clause', 'bsd-3-clause', 'isc', 'mit', 'mit-0', 'unlicense'],
  ...['cc0-1.0', 'cc-by-4.0', 'cc-by-sa-4.0', 'cdla-permissive-1.0', 'cdla-permissive-2.0'],
  ...['mpl-2.0', 'openmdw-1.0', 'bsl-1.0', 'ecl-2.0', 'upl-1.0'],
]);

/** Licences that allow non-commercial use alone. */
const NON_COMMERCIAL: readonly RegExp[] = [
  /^cc-by-nc(-|$)/,
  // That of the published 4M weights, as `models:pull` and the hub write it.
  /^sample[ -]code[ -]licen[cs]e$/,
  /^polyform-noncommercial-/,
  /^apple-amlr$/,
];

/** From the least that is allowed to the most. */
const TERMS = ['noncommercial', 'unknown', 'commercial'] as const;
export type Terms = (typeof TERMS)[number];

function termsOfOne(licence: string): Terms {
  const name = licence.trim().toLowerCase();
  if (COMMERCIAL.has(name)) return 'commercial';
  return NON_COMMERCIAL.some((pattern) => pattern.test(name)) ? 'noncommercial' : 'unknown';
}

const byTerms = (a: Terms, b: Terms): number => TERMS.indexOf(a) - TERMS.indexOf(b);

/**
 * Whether a licence allows commercial use.
 * @param licence an SPDX id, or several with `AND` or `OR` between them (without parentheses)
 */
export function termsOf(licence: string): Terms {
  const choices = licence.split(/\s+OR\s+/).map((choice) => {
    const [least = 'unknown'] = choice
      .split(/\s+AND\s+/)
      .map(termsOfOne)
      .sort(byTerms);
    return least;
  });
  return choices.sort(byTerms).at(-1) ?? 'unknown';
}
