/** What was generated, as an agent sees it: pictures to look at, and everything else as data. */
import type { GenerateResponse, Output } from '../../shared/api/generate.ts';
import type { Content, Properties, ToolResult } from './tool.ts';

export const GENERATED: Properties = {
  id: { type: 'string', description: 'Names the result: equal calls have equal ids' },
  model: { type: 'string', description: 'The model that was asked' },
  licence: { type: 'string', description: "Licence of the model's weights" },
  seed: { type: 'integer', description: 'The seed that was used' },
  outputs: {
    type: 'object',
    description:
      'Target -> its samples: texts and values, and the ref that names each in later calls; a picture is the content of ' +
      'type image behind the text that names it',
  },
  usage: { type: 'object', description: 'What it cost' },
  warnings: { type: 'array', description: 'Why the result may not be what was meant' },
};

function pictureOf(name: string, { image, links }: Output): Content[] {
  if (image === undefined) return [];
  const link = links?.image;
  if (link) {
    const { size, content_type: mimeType } = link;
    return [{ type: 'resource_link', uri: image, name, mimeType, size }];
  }
  const [prefix = '', mimeType = ''] =
    /^data:([^;,]{1,100});base64,/.exec(image.slice(0, 200)) ?? [];
  return [{ type: 'image', data: image.slice(prefix.length), mimeType }];
}

/** Without files and tokens, which an agent would read as text. */
function dataOf({ presentation, sample, text, value, legend, ref, warnings }: Output) {
  return {
    presentation,
    sample,
    ...(text !== undefined && { text }),
    ...(value !== undefined && { value }),
    ...(legend && { legend }),
    ...(ref !== undefined && { ref }),
    ...(warnings && { warnings }),
  };
}

/** @param shown the targets that were asked for; those on the way to them are left out */
export function generatedResult(
  { id, model, seed, outputs, usage, warnings }: GenerateResponse,
  isShown: (target: string) => boolean,
): ToolResult {
  const shown = Object.entries(outputs).filter(([target]) => isShown(target));
  const pictures = shown.flatMap(([target, samples]) =>
    samples.flatMap((output): Content[] => {
      const name = samples.length > 1 ? `${target} ${output.sample + 1}` : target;
      const picture = pictureOf(name, output);
      return picture.length > 0 ? [{ type: 'text', text: `${name}:` }, ...picture] : [];
    }),
  );
  const structured = {
    id,
    model: model.id,
    licence: model.licence,
    seed,
    outputs: Object.fromEntries(shown.map(([target, samples]) => [target, samples.map(dataOf)])),
    usage,
    ...(warnings && { warnings }),
  };
  return { content: [...pictures, { type: 'text', text: JSON.stringify(structured) }], structured };
}
