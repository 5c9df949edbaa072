/**
 * How values are given and shown: every presentation with its traits, as data. What a worker does with each
 * one is in `worker/presentations/`, in records that the compiler holds as complete as this one.
 */
export interface Traits {
  /** What a value is: a picture, an array of numbers, or a text. */
  readonly kind: 'picture' | 'array' | 'text';
  /** Each token has a place in a picture, so that parts can be hidden and unfinished grids be shown. */
  readonly hasPlaces: boolean;
  /** Grey of 16 bits is read as it is, since it measures or counts; elsewhere what is above 255 is white. */
  readonly readsSixteenBits: boolean;
  /** A value is also given, and answered, as JSON. */
  readonly isJson: boolean;
  /** A text follows a format and stands for a list or a record. */
  readonly isStructured: boolean;
  /**
   * Characters of a text or of a JSON value at most, for each token that the modality has. The longest
   * words and the most digits stay below.
   */
  readonly charactersPerToken: number;
}

const picture = {
  kind: 'picture',
  hasPlaces: true,
  readsSixteenBits: false,
  isJson: false,
  isStructured: false,
  charactersPerToken: 0,
} as const satisfies Traits;

const structured = {
  kind: 'text',
  hasPlaces: false,
  readsSixteenBits: false,
  isJson: true,
  isStructured: true,
  charactersPerToken: 64,
} as const satisfies Traits;

export const PRESENTATION_TRAITS = {
  rgb: picture,
  depth: { ...picture, readsSixteenBits: true },
  normal: picture,
  semseg: { ...picture, readsSixteenBits: true },
  edge: picture,
  features: { ...picture, kind: 'array' },
  // A token of a published vector stands for up to 80 numbers.
  vector: { ...picture, kind: 'array', hasPlaces: false, isJson: true, charactersPerToken: 8192 },
  text: { ...structured, isStructured: false },
  boxes: structured,
  palette: structured,
  metadata: structured,
  // The 39 tokens of a person stand for 23 rotations of 9 numbers.
  poses: { ...structured, charactersPerToken: 512 },
  // The 21 tokens of an instance stand for the run lengths of its mask.
  instances: { ...structured, charactersPerToken: 2048 },
} as const satisfies Record<string, Traits>;

/** How a value of a modality is shown to a person and accepted from one. */
export type Presentation = keyof typeof PRESENTATION_TRAITS;
export const PRESENTATIONS = Object.keys(PRESENTATION_TRAITS) as [Presentation, ...Presentation[]];

/** Presentations of a kind. */
export type PresentationOf<Kind extends Traits['kind']> = {
  [P in Presentation]: (typeof PRESENTATION_TRAITS)[P]['kind'] extends Kind ? P : never;
}[Presentation];

export const traitsOf = (presentation: Presentation): Traits => PRESENTATION_TRAITS[presentation];

/** Whether values are written as text; narrows the name. */
export const isTextual = (presentation: Presentation): presentation is PresentationOf<'text'> =>
  PRESENTATION_TRAITS[presentation].kind === 'text';
