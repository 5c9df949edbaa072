/** What a value of a checkpoint's metadata can be, once it is parsed. */
export type MetadataValue =
  | string
  | number
  | boolean
  | null
  | MetadataValue[]
  | { [key: string]: MetadataValue };
