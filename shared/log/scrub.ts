/**
 * Takes out of log entries what must not lie in a log: secrets of the operator, whatever place they came to, and what
 * looks like a caller's: keys, signed addresses, data. It is the last hand on every line, and no reason to log more.
 */

export type Scrub = (entry: Readonly<Record<string, unknown>>) => Record<string, unknown>;

const REDACTED = '[redacted]';
/** Characters of one text at most, and how many more are looked at, so that a secret at the end is seen whole. */
const MOST = 8_192;
const BEYOND = 1_024;
/** A shorter one would be found in ordinary words. */
const LEAST_SECRET = 8;
/** How deep an entry is looked into. */
const DEPTH = 6;

/** Texts under such names are not shown at all. */
const SECRET_NAME =
  /secret|password|authorization|cookie|credential|signature|api_?key|access_?key|\btoken$/i;

/** A step of a path that nobody has written by hand: it may be the secret of an address. */
const RANDOM_STEP = /^(?=.*\d)(?=.*[A-Za-z])[\w.~%+=-]{20,}$/;

/** The address without who asks, without its query, and without steps that may be secrets. */
function withoutSecrets(address: string): string {
  const [, scheme = '', , host = '', path = '', query] =
    /^([a-z][\w+.-]*:\/\/)([^/?#@]*@)?([^/?#]*)([^?#]*)([?#].*)?$/i.exec(address) ?? [];
  const steps = path.split('/').map((step) => (RANDOM_STEP.test(step) ? REDACTED : step));
  return `${scheme}${host}${steps.join('/')}${query === undefined ? '' : `?${REDACTED}`}`;
}

const PATTERNS: readonly (readonly [RegExp, string | ((found: string) => string)])[] = [
  [/\bdata:[\w.+/-]{0,100}(?:;[\w=.-]{1,100})*,[\w+/=%.~-]*/gi, `data:${REDACTED}`],
  [/\b[a-z][\w+.-]{1,15}:\/\/[^\s"'<>`\\)\]}]+/gi, withoutSecrets],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  [/\bwhs(?:ec|k|pk)_[\w+/=-]+/g, REDACTED],
  [/\bhf_\w{8,}/g, REDACTED],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  [/\b((?:X-Amz-)?(?:Credential|Signature|Security-Token)=)[^\s,&"']+/gi, `$1${REDACTED}`],
  // Bytes in base64, or a text without end.
  [/[\w+/=-]{200,}/g, REDACTED],
];

/** A text without any of this, and not long, holds nothing that the patterns take out: most texts are such. */
const SUSPICIOUS = /[:\s=]|whs|hf_|A[KS]IA/;
const LEAST_BASE64 = 200;

/** @param secrets of the operator's settings; those that are absent or too short to be told from words are left out */
export function createScrub(secrets: readonly (string | undefined)[] = []): Scrub {
  const known = secrets.flatMap((secret) =>
    secret !== undefined && secret.length >= LEAST_SECRET
      ? [...new Set([secret, encodeURIComponent(secret)])]
      : [],
  );

  function scrubText(given: string): string {
    let text = given.slice(0, MOST + BEYOND);
    for (const secret of known) if (text.includes(secret)) text = text.replaceAll(secret, REDACTED);
    if (text.length < LEAST_BASE64 && !SUSPICIOUS.test(text)) return text;
    for (const [pattern, instead] of PATTERNS)
      text =
        typeof instead === 'string'
          ? text.replace(pattern, instead)
          : text.replace(pattern, instead);
    return text.length > MOST || given.length > MOST + BEYOND ? `${text.slice(0, MOST)} ...` : text;
  }

  function scrubValue(name: string, value: unknown, depth: number): unknown {
    if (typeof value === 'string') return SECRET_NAME.test(name) ? REDACTED : scrubText(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth === 0) return '[...]';
    if (value instanceof Error) return scrubText(value.stack ?? value.message);
    if (Array.isArray(value)) return value.map((one) => scrubValue(name, one, depth - 1));
    return scrubAll(value, depth - 1);
  }

  const scrubAll = (value: object, depth: number): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, scrubValue(name, one, depth)]),
    );

  return (entry) => scrubAll(entry, DEPTH);
}
