/** Amounts of memory as people write them. */

const UNITS = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** How an amount is written, for messages. */
export const SIZE_FORM = 'a number of bytes, or one with a unit, such as 500MB, 12GB or 8GiB';

/** Bytes of `12GB`, `1.5 GiB` or `1000000`; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const [, number, unit = 'B'] = /^(\d+(?:\.\d+)?)\s*([KMGT]i?B|B)?$/i.exec(text.trim()) ?? [];
  const factor = Object.entries(UNITS).find(([name]) => name === unit.toUpperCase())?.[1];
  return number === undefined || factor === undefined
    ? undefined
    : Math.floor(Number(number) * factor);
}

/** `1.2 GB`, `350 MB`: rounded to three digits, for messages. */
export function formatSize(bytes: number): string {
  const [name, factor] =
    bytes >= UNITS.GB ? ['GB', UNITS.GB] : bytes >= UNITS.MB ? ['MB', UNITS.MB] : ['KB', UNITS.KB];
  return `${Number((bytes / factor).toPrecision(3))} ${name}`;
}
