/**
 * Stands in the Worker's bundle for packages that the SDK of the Model Context Protocol imports and a server without
 * questions never uses: validators of answers to those, and an older zod. `wrangler.toml` puts it in their place.
 */
function absent(): never {
  throw new Error('this package is left out of the bundle');
}

// biome-ignore lint/style/noDefaultExport: what it stands for is imported by its default
export { absent as default, absent as object, absent as zodToJsonSchema };
