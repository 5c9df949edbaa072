/** What a request was answered: headers, and a body as what it is. */
import { element } from '../playground/dom.ts';

/** Characters of a text that are shown; the whole of it can be saved. */
const SHOWN = 100_000;
/** Of a file within JSON. */
const SHOWN_OF_FILE = 60;

const shown = (text: string): HTMLElement =>
  element('pre', {}, text.length > SHOWN ? `${text.slice(0, SHOWN)}\n...` : text);

const picture = (source: string, alt: string): HTMLElement =>
  element(
    'figure',
    { class: 'picture' },
    element('img', { src: source, alt }),
    element('figcaption', {}, alt),
  );

/** Pictures in an answer: the path of each, and its data URL. */
function picturesIn(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') return value.startsWith('data:image/') ? [[path, value]] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    picturesIn(item, path === '' ? key : `${path}.${key}`),
  );
}

/** JSON to read: bytes within it are told by their number. */
const readable = (value: unknown): string =>
  JSON.stringify(
    value,
    (_, item) =>
      typeof item === 'string' && item.startsWith('data:') && item.length > 2 * SHOWN_OF_FILE
        ? `${item.slice(0, SHOWN_OF_FILE)}... (${item.length} characters)`
        : item,
    2,
  ).replaceAll(/\[[\s\d,.-]+\]/g, (numbers) => numbers.replaceAll(/\s+/g, ' '));

function fileOf(blob: Blob): HTMLElement {
  const url = URL.createObjectURL(blob);
  return element(
    'p',
    {},
    `${blob.size} bytes. `,
    element('a', { href: url, download: 'answer' }, 'Save'),
  );
}

async function showEvents(response: Response, place: HTMLElement): Promise<void> {
  const node = element('pre', {});
  place.append(node);
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  for (;;) {
    const { done = true, value } = (await reader?.read()) ?? {};
    if (done) return;
    const text = decoder.decode(value, { stream: true });
    if ((node.textContent ?? '').length < SHOWN) node.append(text);
  }
}

async function showBody(response: Response, place: HTMLElement): Promise<void> {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) return await showEvents(response, place);
  const blob = await response.blob();
  if (type.startsWith('image/')) {
    place.append(picture(URL.createObjectURL(blob), `the answer, ${type}`), fileOf(blob));
  } else if (/^application\/([\w.-]+\+)?json\b/.test(type)) {
    const value: unknown = JSON.parse(await blob.text());
    for (const [path, source] of picturesIn(value)) place.append(picture(source, path));
    place.append(shown(readable(value)));
  } else if (/^text\/|ndjson|jsonl/.test(type)) place.append(shown(await blob.text()));
  else place.append(fileOf(blob));
}

/** Shows an answer as it comes. @throws Error when it breaks off */
export async function showAnswer(response: Response, place: HTMLElement): Promise<void> {
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  place.append(
    element('details', {}, element('summary', {}, 'Headers'), element('pre', {}, headers)),
  );
  await showBody(response, place);
}
