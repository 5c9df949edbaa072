/** A loaded model set with its text tokenizer, and what it says of itself to callers. */
import type { Modality, Model } from '../../shared/api/models.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { Scheduling } from '../../shared/api/worker.ts';
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import type {
  FmVitManifest,
  TokenizerManifest,
  TrunkManifest,
} from '../../shared/model/manifest.ts';
import { type ModalityInfo, publicName } from '../../shared/model/modalities.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { type BackboneScheduler, backboneScheduler } from '../batching/backbone.ts';
import { createScheduler, type Scheduler } from '../batching/scheduler.ts';
import { sharedTokenizers } from '../batching/sharedTokenizers.ts';
import { schedulingOf } from '../batching/statistics.ts';
import type {
  LoadedBackbone,
  LoadedEncoder,
  LoadedInputs,
  LoadedModelSet,
} from '../session/types.ts';
import { loadTextTokenizer, type TextTokenizer } from '../text/wordpiece.ts';
import { NO_TEXT } from './noText.ts';

/** What the reading of inputs needs of a model: one that generates, or a backbone. */
export interface InputModel {
  readonly loaded: LoadedInputs;
  readonly text: TextTokenizer;
  readonly description: Model;
}

export interface ServedModel extends InputModel {
  readonly kind?: 'generator';
  readonly loaded: LoadedModelSet;
  /** Answers the forward requests of generations. */
  readonly scheduler: Pick<Scheduler, 'join'> & Partial<Pick<Scheduler, 'watch'>>;
  /** What the scheduler does and has done. */
  readonly scheduling?: () => Scheduling;
  /** Frees its memory. Runs that wait fail; one under way is finished first. */
  readonly close: () => Promise<void>;
}

/** What an answer says of the model that made it. */
export const servedBy = ({ id, digest, licence, precision }: Model) => ({
  id,
  digest,
  licence,
  precision,
});
/** A backbone: it has features and perhaps classes, and generates nothing. */
export interface ServedBackbone extends InputModel {
  readonly kind: 'backbone';
  readonly scheduling?: never;
  readonly loaded: LoadedBackbone;
  /** Answers what its encoder makes of states. */
  readonly scheduler: BackboneScheduler;
  /** Frees its memory. Runs that wait fail; one under way is finished first. */
  readonly close: () => Promise<void>;
}

/** The encoder of a model that was loaded without what generates. */
export interface ServedEncoder extends InputModel {
  readonly kind: 'encoder';
  readonly scheduling?: () => Scheduling;
  readonly loaded: LoadedEncoder;
  readonly scheduler: BackboneScheduler;
  /** Frees its memory. Runs that wait fail; one under way is finished first. */
  readonly close: () => Promise<void>;
}

export type Served = ServedModel | ServedBackbone | ServedEncoder;

/** What has features of an encoder. */
export interface FeatureModel extends InputModel {
  readonly scheduler: BackboneScheduler;
}

/** @throws FailureError `unknown_target` for what generates nothing */
export function asGenerator(model: Served): ServedModel {
  if (model.kind !== 'backbone' && model.kind !== 'encoder') return model;
  const { id } = model.description;
  const what = model.kind === 'backbone' ? 'is a backbone' : 'has only its encoder loaded here';
  const detail = `${id} ${what}: it has features and classes, and generates nothing`;
  throw refusal('unknown_target', detail);
}

/** What a set says of itself, loaded or not. */
export interface DescribedSet extends Pick<LoadedModelSet, 'set'> {
  readonly fm: TrunkManifest;
  readonly tokenizers: Readonly<Record<string, { readonly manifest: TokenizerManifest }>>;
}

/** Model names that one public name stands for: those of the same picture at the same size. */
function groups(names: readonly string[], infos: LoadedModelSet['fm']['modalities']) {
  const bySize = new Map<string, string[]>();
  for (const name of names) {
    const key = `${publicName(name)} ${fieldOf(infos, name, 'the model').input_size ?? ''}`;
    bySize.set(key, [...(bySize.get(key) ?? []), name]);
  }
  const taken = new Set<string>();
  return [...bySize.values()].map((members) => {
    const first = itemAt(members, 0, 'a group');
    const short = publicName(first);
    // A second size of the same picture (a super-resolution model) keeps its size in the name.
    const name = taken.has(short)
      ? `${short}@${fieldOf(infos, first, 'the model').input_size}`
      : short;
    taken.add(name);
    return { name, members };
  });
}

function accepts(
  members: readonly string[],
  loaded: Pick<DescribedSet, 'fm' | 'tokenizers' | 'set'>,
): Modality['accepts'] {
  const forms = new Set<Modality['accepts'][number]>();
  const hasWords = loaded.fm.kind !== 'fmvit' || loaded.set.text_tokenizer !== undefined;
  for (const name of members) {
    const info = fieldOf(loaded.fm.modalities, name, 'the model');
    // Even the ids of a text are read by what the text tokenizer says of them.
    if (info.type === 'seq' && !hasWords) continue;
    if (!loaded.fm.config.domains_in.includes(name)) continue;
    if (info.type === 'seq_emb') {
      forms.add('file');
      continue;
    }
    const { kind, isJson } = traitsOf(info.presentation);
    const tokenizable = hasTokenizer(loaded.tokenizers, info);
    if (info.pixels || (tokenizable && kind === 'picture')) forms.add('image');
    if (info.type === 'seq') forms.add('text');
    if (tokenizable && kind === 'array') forms.add('file');
    if (isJson && (info.type === 'seq' || tokenizable)) forms.add('value');
    if (!info.pixels) forms.add('tokens');
  }
  return [...forms];
}

const hasTokenizer = (tokenizers: DescribedSet['tokenizers'], info: ModalityInfo): boolean =>
  info.tokenizer !== undefined && tokenizers[info.tokenizer] !== undefined;

/** What `GET /v1/models` shows of a set, from its own configs. */
export function describeModel(loaded: DescribedSet): Model {
  const { fm, set, tokenizers } = loaded;
  const outputs = fm.kind === 'fmvit' ? [] : fm.config.domains_out;
  const names = [...new Set([...fm.config.domains_in, ...outputs])];
  const modalities = groups(names, fm.modalities).map(({ name, members }): Modality => {
    const infoOf = (member: string) => fieldOf(fm.modalities, member, 'the model');
    const tokenized = members.find((member) => !infoOf(member).pixels);
    const info = infoOf(tokenized ?? itemAt(members, 0, 'a group'));
    const pixels = members.find((member) => infoOf(member).pixels);
    const patches = pixels === undefined ? info.max_tokens : infoOf(pixels).max_tokens;
    const forms = accepts(members, loaded);
    const tokenizer = info.tokenizer === undefined ? undefined : tokenizers[info.tokenizer];
    const isVector = info.presentation === 'vector' && info.type === 'img';
    const dimensions = isVector ? tokenizer?.manifest.config.n_channels : undefined;
    return {
      name,
      modalities: members,
      type: info.type,
      presentation: info.presentation,
      input: forms.length > 0,
      output: members.some((member) => outputs.includes(member)),
      vocabulary: info.vocab_size ?? null,
      tokens: info.max_tokens,
      ...(patches !== info.max_tokens && { patches }),
      input_size: info.input_size ?? null,
      ...(dimensions !== undefined && { dimensions }),
      accepts: forms,
      ...(info.classes && { classes: info.classes }),
      ...(info.recommended && { recommended: info.recommended }),
    };
  });
  const parameters = Object.values(tokenizers).reduce(
    (sum, tokenizer) => sum + tokenizer.manifest.parameters,
    fm.parameters,
  );
  const { id, digest, licence } = set;
  const { precision } = fm;
  const stems = Object.keys(tokenizers);
  return {
    ...{ id, digest, licence, precision, parameters, width: fm.config.dim, tokenizers: stems },
    modalities,
    ...(fm.kind === 'fmvit' ? describeBackbone(fm) : fm.knows && { knows: fm.knows }),
  };
}

const describeBackbone = ({ config: { classes }, labels }: FmVitManifest) => ({
  kind: 'backbone' as const,
  ...(classes !== null && {
    head: { labels: labels ?? Array.from({ length: classes }, (_, index) => String(index)) },
  }),
});

/** What a model says of itself where only its encoder is loaded: as it is, but for what it would generate. */
export const describeEncoder = (loaded: DescribedSet): Model => {
  const description = describeModel(loaded);
  return {
    ...description,
    kind: 'encoder',
    modalities: description.modalities.map((entry) => ({ ...entry, output: false })),
  };
};

/** Adds the text tokenizer and the description to a loaded encoder. */
export async function serveEncoder(loaded: LoadedEncoder): Promise<ServedEncoder> {
  const scheduler = createScheduler(loaded.fm, loaded.encoder, { device: loaded.device });
  return {
    kind: 'encoder',
    loaded: { ...loaded, tokenizers: sharedTokenizers(loaded.tokenizers) },
    text: await loadTextTokenizer(loaded.textTokenizerFile),
    description: describeEncoder(loaded),
    scheduler,
    scheduling: () => schedulingOf(scheduler.statistics()),
    close: loaded.close,
  };
}

/** Adds the text tokenizer and the description to a loaded backbone. */
export async function serveBackbone(loaded: LoadedBackbone): Promise<ServedBackbone> {
  const { textTokenizerFile: file } = loaded;
  return {
    kind: 'backbone',
    loaded,
    text: file === undefined ? NO_TEXT : await loadTextTokenizer(file),
    description: describeModel(loaded),
    scheduler: backboneScheduler(loaded.fm, loaded.encoder),
    close: loaded.close,
  };
}

/** Adds the text tokenizer and the description to a loaded set. */
export async function serveModel(loaded: LoadedModelSet): Promise<ServedModel> {
  const text = await loadTextTokenizer(loaded.textTokenizerFile);
  const scheduler = createScheduler(loaded.fm, loaded.generate, {
    ...(loaded.device && { device: loaded.device }),
    writer: loaded.write,
  });
  return {
    loaded: { ...loaded, tokenizers: sharedTokenizers(loaded.tokenizers) },
    text,
    description: describeModel(loaded),
    scheduler,
    scheduling: () => schedulingOf(scheduler.statistics()),
    close: loaded.close,
  };
}
