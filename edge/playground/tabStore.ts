/** What this tab remembers over a reload: own pictures, which no link holds, and the last answer. */
import type { GenerateResponse } from '../../shared/api/generate.ts';
import type { FormState } from './formState.ts';
import type { Picture } from './given.ts';
import { tabStorage } from './storage.ts';

const PICTURES = '4m-edge-pictures';
const ANSWER = '4m-edge-answer';

interface LastAnswer {
  /** The state that it answers, as a link has it. */
  readonly link: string;
  readonly response: GenerateResponse;
}

function read(name: string): unknown {
  try {
    return JSON.parse(tabStorage.getItem(name) ?? 'null');
  } catch {
    return null;
  }
}

/** Where there is no room, the last answer makes some: it can be asked for again. */
function write(name: string, value: unknown): void {
  for (const least of [ANSWER, name])
    try {
      tabStorage.setItem(name, JSON.stringify(value));
      return;
    } catch {
      // What is too large alone is gone after a reload.
      tabStorage.removeItem(least);
    }
}

/** Pictures of the form that a link does not hold, by field. */
export function ownPictures({ inputs }: Pick<FormState, 'inputs'>): Record<string, Picture> {
  const pictures = Object.entries(inputs).flatMap(([name, given]) =>
    'picture' in given && given.picture.path === undefined && given.picture.url !== ''
      ? [[name, given.picture] as const]
      : [],
  );
  return Object.fromEntries(pictures);
}

export const keepPictures = (state: FormState): void => write(PICTURES, ownPictures(state));

export const keptPicture = (field: string): Picture | undefined =>
  ((read(PICTURES) ?? {}) as Record<string, Picture>)[field];

export const keepAnswer = (answer: LastAnswer): void => write(ANSWER, answer);

/** The last answer, where it is that of this state. */
export function keptAnswer(link: string): GenerateResponse | undefined {
  const kept = read(ANSWER) as LastAnswer | null;
  return kept?.link === link ? kept.response : undefined;
}
