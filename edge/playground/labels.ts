/** Words of the page for what a model says of itself. */
import type { Modality } from '../../shared/api/models.ts';
import { traitsOf } from '../../shared/model/presentations.ts';

const TITLES: Readonly<Record<string, string>> = {
  rgb: 'RGB picture',
  depth: 'Depth',
  normal: 'Surface normals',
  semseg: 'Segmentation',
  clip: 'CLIP features',
  dinov2: 'DINOv2 features',
  imagebind: 'ImageBind features',
  canny_edge: 'Canny edges',
  sam_edge: 'SAM edges',
  dinov2_global: 'DINOv2 vector',
  imagebind_global: 'ImageBind vector',
  caption: 'Caption',
  t5_caption: 'Caption (T5)',
  det: 'Boxes',
  metadata: 'Metadata',
  human_poses: 'Human poses',
  color_palette: 'Colour palette',
  sam_instance: 'Instances',
};

/** What to call a modality: `scene_global` becomes `Scene vector`. */
export function titleOf(name: string): string {
  const title = TITLES[name];
  if (title) return title;
  const words = name.replace(/_global$/, ' vector').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const GROUPS = ['Pictures', 'Text', 'Vectors'] as const;
export type Group = (typeof GROUPS)[number];

/** Which group of targets a modality is listed in. */
export function groupOf(modality: Modality): Group {
  const { kind, hasPlaces } = traitsOf(modality.presentation);
  if (kind === 'text') return 'Text';
  return hasPlaces ? 'Pictures' : 'Vectors';
}

/** An example of the text that an input takes: plain, or JSON as the API answers it. */
export const PLACEHOLDERS: Readonly<Partial<Record<Modality['presentation'], string>>> = {
  text: 'a red sphere left of a blue box',
  boxes: '[{"xmin": 0.1, "ymin": 0.3, "xmax": 0.4, "ymax": 0.7, "class": "sphere"}]',
  palette: '["#c83c3c", "#5a78c8"]',
  metadata: '{"caption_n_words": 8}',
};
