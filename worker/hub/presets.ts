/**
 * What a complete model set consists of, by repository on the Hugging Face hub. Stems of tokenizers are
 * those of `shared/model/modalities.ts`; a set's folder holds `STEM.safetensors` for each.
 */

export interface Preset {
  readonly fm: string;
  /** Stem -> repository. */
  readonly tokenizers: Readonly<Record<string, string>>;
}

/** Tokenizers of the modalities that the 4M-7 models know. */
const SEVEN = {
  tok_rgb: 'EPFL-VILAB/4M_tokenizers_rgb_16k_224-448',
  tok_depth: 'EPFL-VILAB/4M_tokenizers_depth_8k_224-448',
  tok_normal: 'EPFL-VILAB/4M_tokenizers_normal_8k_224-448',
  tok_semseg: 'EPFL-VILAB/4M_tokenizers_semseg_4k_224-448',
  tok_clip: 'EPFL-VILAB/4M_tokenizers_CLIP-B16_8k_224-448',
};

/** And of those that the 4M-21 models know. */
const TWENTY_ONE = {
  ...SEVEN,
  tok_edge: 'EPFL-VILAB/4M_tokenizers_edge_8k_224-512',
  tok_dinov2: 'EPFL-VILAB/4M_tokenizers_DINOv2-B14_8k_224-448',
  tok_dinov2_global: 'EPFL-VILAB/4M_tokenizers_DINOv2-B14-global_8k_16_224',
  tok_imagebind: 'EPFL-VILAB/4M_tokenizers_ImageBind-H14_8k_224-448',
  tok_imagebind_global: 'EPFL-VILAB/4M_tokenizers_ImageBind-H14-global_8k_16_224',
  tok_sam_instance: 'EPFL-VILAB/4M_tokenizers_sam-instance_1k_64',
  tok_human_poses: 'EPFL-VILAB/4M_tokenizers_human-poses_1k_8',
};

/** By the name of the set, which is the flag `--all-NAME` without its `all-`. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  '4m21-b': { fm: 'EPFL-VILAB/4M-21_B', tokenizers: TWENTY_ONE },
  '4m21-l': { fm: 'EPFL-VILAB/4M-21_L', tokenizers: TWENTY_ONE },
  '4m21-xl': { fm: 'EPFL-VILAB/4M-21_XL', tokenizers: TWENTY_ONE },
  '4m7-b': { fm: 'EPFL-VILAB/4M-7_B_CC12M', tokenizers: SEVEN },
  '4m7-l': { fm: 'EPFL-VILAB/4M-7_L_CC12M', tokenizers: SEVEN },
  '4m7-xl': { fm: 'EPFL-VILAB/4M-7_XL_CC12M', tokenizers: SEVEN },
  '4m7-coyo-b': { fm: 'EPFL-VILAB/4M-7_B_COYO700M', tokenizers: SEVEN },
  '4m7-coyo-l': { fm: 'EPFL-VILAB/4M-7_L_COYO700M', tokenizers: SEVEN },
  '4m7-coyo-xl': { fm: 'EPFL-VILAB/4M-7_XL_COYO700M', tokenizers: SEVEN },
  '4m7-t2i-b': { fm: 'EPFL-VILAB/4M-7-T2I_B_CC12M', tokenizers: SEVEN },
  '4m7-t2i-l': { fm: 'EPFL-VILAB/4M-7-T2I_L_CC12M', tokenizers: SEVEN },
  '4m7-t2i-xl': { fm: 'EPFL-VILAB/4M-7-T2I_XL_CC12M', tokenizers: SEVEN },
  '4m7-sr-l': { fm: 'EPFL-VILAB/4M-7-SR_L_CC12M', tokenizers: SEVEN },
};

/** The WordPiece tokenizer of all of them, which lies in the public code rather than on the hub. */
export const TEXT_TOKENIZER = {
  url: 'https://raw.githubusercontent.com/apple/ml-4m/main/fourm/utils/tokenizer/trained/text_tokenizer_4m_wordpiece_30k.json',
  sha256: '8e684e9a0673e39f70702a698869f909ba697f871a0c6b2a07b5f61e91b3526e',
} as const;

/** What the weights of all of them are published under. */
export const WEIGHTS_LICENCE = 'Sample Code License';

/** Whether a repository is one of those above. */
export const isPublished = (repository: string): boolean =>
  Object.values(PRESETS).some(
    ({ fm, tokenizers }) => fm === repository || Object.values(tokenizers).includes(repository),
  );

/** A model, which reads and writes text; a tokenizer does not. */
export const isPublishedModel = (repository: string): boolean =>
  Object.values(PRESETS).some(({ fm }) => fm === repository);
