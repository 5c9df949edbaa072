/** Whose work and heads these are, as long as requests are not told apart by keys. */
export const TENANT = 'default';
