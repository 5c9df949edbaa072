/** A time in milliseconds since 1970 as RFC 3339 in UTC, which answers and webhooks tell. */
export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString();
