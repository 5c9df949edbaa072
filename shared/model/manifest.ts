/** `model.json` of an exported folder, and `set.json` of a folder of models that are served together. */
import * as z from 'zod';
import {
  divaeConfigSchema,
  fmConfigSchema,
  fmVitConfigSchema,
  unetPresetSchema,
  uvitPresetSchema,
  vitPresetSchema,
  vqConfigSchema,
} from './config.ts';
import type { GraphForm } from './graphForms.ts';
import { knowledgeSchema, modalityInfoSchema } from './modalities.ts';
import { PRECISIONS } from './precisions.ts';

const graphSchema = z.object({ file: z.string(), bytes: z.number().int() });
type GraphFile = z.infer<typeof graphSchema>;

const common = {
  /** Layout of this file; a worker refuses what it does not know. */
  format: z.literal(1),
  id: z.string(),
  licence: z.string(),
  precision: z.enum(PRECISIONS),
  /** sha256 over the graphs and the weights, in hex. */
  digest: z.string(),
  exporter: z.string(),
  /** Numbers that are learned, without sine tables of positions; of a 4M model without its tokenizers. */
  parameters: z.number().int(),
  /** Files that the graphs refer to as external data, inside this folder. */
  weights: z.array(z.string()),
  /** The run that ended the export: the sha256 of its outputs on a fixed input, and its time. */
  check: z.object({ outputs: z.string(), milliseconds: z.number() }),
  /**
   * The same graphs for devices that compute in 16 bits, in precision fp16: they share the weights' file with
   * `graphs`, which compute in float32.
   */
  half_graphs: z.record(z.string(), graphSchema).optional(),
  /**
   * The same graphs for processors that multiply signed 8-bit weights wrongly, in precision int8: these read the
   * weights' file as unsigned codes, and give the same results.
   */
  unsigned_graphs: z.record(z.string(), graphSchema).optional(),
  /** How many of so many tokens, predicted at temperature 0, are those of fp32; absent in fp32 itself. */
  agreement: z.object({ tokens: z.number().int(), equal: z.number().int() }).optional(),
};

export const fmManifestSchema = z.object({
  ...common,
  kind: z.literal('fm'),
  config: fmConfigSchema,
  modalities: z.record(z.string(), modalityInfoSchema),
  knows: knowledgeSchema.optional(),
  /** A worker loads `generate`; the other two give what lies in between, for comparison and checks. */
  graphs: z.object({
    encoder: graphSchema,
    decoder: graphSchema,
    generate: graphSchema,
    /** Writes sequences in the place of `generate`, where that is worth weights in memory once more. */
    write: graphSchema.optional(),
  }),
});
export type FmManifest = z.infer<typeof fmManifestSchema>;

/** A backbone, with or without a head. */
export const fmVitManifestSchema = z.object({
  ...common,
  kind: z.literal('fmvit'),
  config: fmVitConfigSchema,
  modalities: z.record(z.string(), modalityInfoSchema),
  /** Names of the head's classes, where its file says them. */
  labels: z.array(z.string()).optional(),
  graphs: z.object({ encoder: graphSchema }),
});
export type FmVitManifest = z.infer<typeof fmVitManifestSchema>;

/** What a set is built around: a model that generates, or a backbone. */
export const trunkManifestSchema = z.discriminatedUnion('kind', [
  fmManifestSchema,
  fmVitManifestSchema,
]);
export type TrunkManifest = z.infer<typeof trunkManifestSchema>;

export const vqManifestSchema = z.object({
  ...common,
  kind: z.literal('vqvae'),
  config: vqConfigSchema,
  vit_presets: z.record(z.string(), vitPresetSchema).default({}),
  graphs: z.object({ encoder: graphSchema, decoder: graphSchema }),
});
export type VqManifest = z.infer<typeof vqManifestSchema>;

/** `codebook` looks ids up, `denoiser` is one step of the diffusion that turns codes into values. */
export const divaeManifestSchema = z.object({
  ...common,
  kind: z.literal('divae'),
  config: divaeConfigSchema,
  vit_presets: z.record(z.string(), vitPresetSchema).default({}),
  denoiser: z.discriminatedUnion('type', [
    unetPresetSchema.extend({ type: z.literal('unet') }),
    uvitPresetSchema.extend({ type: z.literal('uvit') }),
  ]),
  graphs: z.object({ encoder: graphSchema, codebook: graphSchema, denoiser: graphSchema }),
});
export type DivaeManifest = z.infer<typeof divaeManifestSchema>;

export const tokenizerManifestSchema = z.discriminatedUnion('kind', [
  vqManifestSchema,
  divaeManifestSchema,
]);
export type TokenizerManifest = z.infer<typeof tokenizerManifestSchema>;

export const manifestSchema = z.discriminatedUnion('kind', [
  fmManifestSchema,
  fmVitManifestSchema,
  vqManifestSchema,
  divaeManifestSchema,
]);
export type Manifest = z.infer<typeof manifestSchema>;

/** `set.json`: an FM with its tokenizers, or a backbone, each in a sub-folder with a `model.json`. */
export const modelSetSchema = z.object({
  format: z.literal(1),
  id: z.string(),
  licence: z.string(),
  fm: z.string(),
  /** Stem named by `ModalityInfo.tokenizer` -> sub-folder. */
  tokenizers: z.record(z.string(), z.string()),
  /** Hugging Face `tokenizer.json`, relative to the set's folder; a backbone may be without one. */
  text_tokenizer: z.string().optional(),
  /** sha256 over the members' digests and the text tokenizer. */
  digest: z.string(),
});
export type ModelSet = z.infer<typeof modelSetSchema>;

/** The files of a model's graphs, in the order of its digest. */
export const graphFilesOf = ({
  graphs,
  half_graphs = {},
  unsigned_graphs = {},
}: Pick<Manifest, 'graphs' | 'half_graphs' | 'unsigned_graphs'>): readonly GraphFile[] =>
  [graphs, half_graphs, unsigned_graphs]
    .flatMap((form) => Object.values<GraphFile | undefined>(form))
    .filter((file) => file !== undefined);

/** A model's graphs in a form, by name; undefined where the export has none in it. */
export function graphsIn(
  { graphs, half_graphs, unsigned_graphs }: Manifest,
  form: GraphForm,
): Readonly<Record<string, GraphFile | undefined>> | undefined {
  return { plain: graphs, half: half_graphs, unsigned: unsigned_graphs }[form];
}
