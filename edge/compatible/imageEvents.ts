/** The events of a request to generate -> those that OpenAI's clients read. */
import type { Progress } from '../../shared/api/generate.ts';
import type { ImagesResponse } from '../../shared/api/images.ts';
import type { Problem } from '../../shared/api/problem.ts';
import { createEventParser, type ServerSentEvent } from '../../shared/sse.ts';
import type { ImagesWish } from './images.ts';
import { openAiError } from './openAiErrors.ts';

export type ImageEventKind = 'image_generation' | 'image_edit';

interface OpenAiEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

const base64Of = (dataUrl: string): string => dataUrl.slice(dataUrl.indexOf(',') + 1);

/** What an event of ours is for those clients; of pictures so far, as many as were asked for. */
function* translated(
  { event, data }: ServerSentEvent,
  kind: ImageEventKind,
  { painted, side, asked }: ImagesWish,
  partials: { told: number },
): Generator<OpenAiEvent> {
  const value: unknown = JSON.parse(data);
  if (event === 'progress') {
    const { preview, target } = value as Progress;
    const isWanted = target === painted && partials.told < (asked.partial_images ?? 0);
    if (preview === undefined || !isWanted) return;
    yield {
      type: `${kind}.partial_image`,
      partial_image_index: partials.told++,
      b64_json: base64Of(preview),
      created_at: Math.floor(Date.now() / 1000),
      background: 'opaque',
      output_format: 'png',
      quality: 'auto',
      size: `${side}x${side}`,
    };
  }
  if (event === 'result') {
    const {
      data: images,
      created,
      model: _,
      seed: __,
      warnings: ___,
      ...rest
    } = value as ImagesResponse;
    for (const { b64_json } of images)
      yield { type: `${kind}.completed`, b64_json, created_at: created, ...rest };
  }
  if (event === 'problem') {
    const { code, detail, errors } = value as Problem;
    yield { type: 'error', ...openAiError({ code, detail, ...(errors && { errors }) }) };
  }
}

/** An answer in events of ours, in theirs. Whoever stops reading it stops the work. */
export function imageEvents(answer: Response, kind: ImageEventKind, wish: ImagesWish): Response {
  const { body, headers, status } = answer;
  if (!body || !headers.get('content-type')?.startsWith('text/event-stream')) return answer;
  const parser = createEventParser();
  const [decoder, encoder] = [new TextDecoder(), new TextEncoder()];
  const partials = { told: 0 };
  const translation = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      for (const given of parser.push(decoder.decode(bytes, { stream: true })))
        for (const event of translated(given, kind, wish, partials))
          controller.enqueue(
            encoder.encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
          );
    },
  });
  return new Response(body.pipeThrough(translation), { status, headers });
}
