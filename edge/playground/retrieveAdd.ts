/** Pictures that are dropped or chosen go into the collection, a few at a time, each with a small copy of itself. */
import type { Collection } from '../../shared/api/collections.ts';
import type { Client } from '../../shared/client/index.ts';
import { button, element } from './dom.ts';
import { pictureDrop } from './pictureDrop.ts';
import type { Picture } from './pictureField.ts';
import { METADATA } from './retrieveCollections.ts';

export interface Adding {
  readonly node: HTMLElement;
  use(collection: Collection | undefined): void;
}

interface AddingEvents {
  readonly tell: (text: string) => void;
  readonly guard: (work: () => Promise<void>) => Promise<void>;
  /** Makes a collection, where there is none yet. */
  readonly onMake: () => Promise<void>;
  /** Called as it begins; what it returns is called once it ends, with the pictures that are in the collection then. */
  readonly onBegin: (name: string) => (pictures: readonly Picture[]) => Promise<void>;
}

/** Pictures under way at a time: the server puts them into shared runs. */
const TOGETHER = 4;
/** Pixels of a side of the small copy. */
const THUMBNAIL = 96;
const ID_LENGTH = 200;

async function thumbnailOf(url: string): Promise<string> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const scale = Math.min(1, THUMBNAIL / Math.max(image.width, image.height));
  const canvas = element('canvas', {
    width: Math.max(1, Math.round(image.width * scale)),
    height: Math.max(1, Math.round(image.height * scale)),
  });
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/jpeg', 0.8);
}

/** The file's name, as far as an id may have it. */
export const idOf = ({ name }: Picture): string =>
  name.replaceAll(/[\p{Cc}\p{Cs}]/gu, '').slice(0, ID_LENGTH) || 'picture';

export function createAdding(
  client: Client,
  examples: readonly Picture[],
  { tell, guard, onMake, onBegin }: AddingEvents,
): Adding {
  let current: Collection | undefined;
  const drop = pictureDrop('add-pictures', 'Pictures', () => {
    const collection = current;
    return (pictures) => void add(pictures, collection);
  });
  const scenes = button(`Add the ${examples.length} examples`, () => void addExamples());
  scenes.hidden = examples.length === 0;

  /** They show what a collection is for, so that they come with one. */
  async function addExamples(): Promise<void> {
    if (!current) await onMake();
    await add([...examples], current);
  }

  async function addOne(picture: Picture, collection: Collection): Promise<void> {
    const id = idOf(picture);
    const thumbnail = await thumbnailOf(picture.url).catch(() => undefined);
    const own = { name: id, ...(thumbnail !== undefined && { thumbnail }) };
    // A collection that was made elsewhere may have other metadata, or none.
    const metadata = Object.fromEntries(
      Object.entries(own).filter(
        ([field]) => Object.hasOwn(collection.metadata, field) && Object.hasOwn(METADATA, field),
      ),
    );
    await client.addItems(collection.name, [{ id, inputs: { rgb: picture.url }, metadata }]);
  }

  async function add(
    pictures: readonly Picture[],
    collection: Collection | undefined,
  ): Promise<void> {
    if (!collection || pictures.length === 0) return;
    await guard(async () => {
      const onDone = onBegin(collection.name);
      const added: Picture[] = [];
      const left = [...pictures];
      const say = (): void => tell(`Added ${added.length} of ${pictures.length} pictures …`);
      say();
      const work = async (): Promise<void> => {
        for (let next = left.shift(); next; next = left.shift()) {
          const picture = next;
          await addOne(picture, collection).catch((failure) => {
            left.length = 0;
            throw failure;
          });
          added.push(picture);
          say();
        }
      };
      // What is under way when one is refused comes to its end.
      const ends = await Promise.allSettled(Array.from({ length: TOGETHER }, work));
      if (added.length > 0) await onDone(added);
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    });
  }

  return {
    node: element('div', {}, drop.node, scenes),
    use(collection) {
      current = collection;
      const takes = collection !== undefined && collection.embedding.kind !== 'vector';
      drop.node.hidden = !takes;
      scenes.disabled = collection !== undefined && !takes;
    },
  };
}
