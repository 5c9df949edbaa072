/**
 * Who shares what is computed and kept: results, kept tokens and chains lie in a scope, which is a step of their keys.
 * In a scope of his own nobody can tell, by time or price, that another had computed something first.
 */

/** The scope that all tenants share where the operator says so. No tenant can be called so. */
export const SHARED_SCOPE = '_shared';

export type CacheScope = 'tenant' | 'shared';

/** The scope of a tenant's results. */
export const scopeOf = (tenant: string, cacheScope: CacheScope): string =>
  cacheScope === 'shared' ? SHARED_SCOPE : tenant;
