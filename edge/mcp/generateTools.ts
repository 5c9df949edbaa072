/** The tools that generate: what a picture shows, and pictures of what is described. */
import type { GenerateResponse } from '../../shared/api/generate.ts';
import type { Modality, Model } from '../../shared/api/models.ts';
import { refusal } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { findModality } from '../../shared/plan/names.ts';
import { inputOf, inputsOf, inputsSchema, PICTURE } from './inputs.ts';
import { GENERATED, generatedResult } from './outputs.ts';
import { modelOf, modelProperty, SEED, type Tool, type ToolContext, taken } from './tool.ts';

const isPicture = ({ presentation }: Modality): boolean => presentation === 'rgb';

/** The picture of a model, as an input or as a target. */
const pictureOf = (model: Model | undefined, side: 'input' | 'output'): Modality | undefined =>
  model?.modalities.find((entry) => isPicture(entry) && entry[side]);

const seeing = (models: readonly Model[]) => models.filter((model) => pictureOf(model, 'input'));
const painting = (models: readonly Model[]) => models.filter((model) => pictureOf(model, 'output'));

/** What is made is kept, so that a later call can name it: an agent cannot copy the bytes of a picture. */
const generate = async (body: object, { call, onProgress }: ToolContext) =>
  (await call(ROUTES.generate, { body: { ...body, keep: true }, onProgress })) as GenerateResponse;

export const PERCEIVE: Tool = {
  name: 'perceive',
  title: 'See what a picture shows',
  description:
    'Predicts what a picture shows, as any of the targets: depth, surface normals, classes, boxes, a caption and others ' +
    'that the model makes. Pictures are answered as images, texts and boxes as JSON, each with a ref that names it in ' +
    'later calls.',
  scope: 'generate',
  properties(models) {
    const able = seeing(models);
    const targets = able.flatMap(({ modalities }) =>
      modalities.filter((entry) => entry.output && !isPicture(entry)).map(({ name }) => name),
    );
    if (targets.length === 0) return undefined;
    return {
      picture: PICTURE,
      targets: {
        type: 'array',
        items: { type: 'string', enum: [...new Set(targets)] },
        minItems: 1,
        description: 'What to predict; each is also seen by those behind it',
      },
      ...modelProperty(able),
      ...SEED,
    };
  },
  required: ['picture', 'targets'],
  output: GENERATED,
  async run(given, context) {
    const { model, named } = modelOf(given, seeing(context.models));
    const { name = 'rgb' } = pictureOf(model, 'input') ?? {};
    const body = {
      inputs: { [name]: inputOf(given.picture, undefined) },
      ...taken(given, ['targets', 'seed']),
      ...named,
    };
    return generatedResult(await generate(body, context), () => true);
  },
};

/** Pictures of a call at most. */
const MOST_SAMPLES = 4;

export const PAINT: Tool = {
  name: 'paint',
  title: 'Paint a picture',
  description:
    'Paints a picture of a prompt, of other modalities (a depth map, boxes, a palette and others), or of several ' +
    'together. With picture and hide, the hidden parts of that picture are painted anew, and the rest stays. The ref of ' +
    'the answer names the picture in later calls.',
  scope: 'generate',
  properties(models) {
    const able = painting(models);
    if (able.length === 0) return undefined;
    return {
      prompt: { type: 'string', description: 'What the picture shows, in words' },
      inputs: inputsSchema(able),
      picture: { ...PICTURE, description: `With hide: ${PICTURE.description}` },
      hide: {
        type: 'object',
        description:
          'What of picture is painted anew: {"box": [xmin, ymin, xmax, ymax]} in shares of the picture, from 0 to 1, ' +
          'or {"mask": base64 of a picture whose white is}, or that with "hides": "transparent"',
      },
      samples: {
        type: 'integer',
        minimum: 1,
        maximum: MOST_SAMPLES,
        description: 'Pictures; 1 when absent',
      },
      ...modelProperty(able),
      ...SEED,
    };
  },
  required: [],
  output: GENERATED,
  async run(given, context) {
    const { model, named } = modelOf(given, painting(context.models));
    const { name = 'rgb' } = pictureOf(model, 'output') ?? {};
    const { prompt, picture, hide, samples } = given;
    if (hide !== undefined && picture === undefined)
      throw refusal('invalid_request', 'hide needs the argument picture, of which it hides a part');
    const caption = model && findModality(model, 'caption')?.name;
    const own = {
      ...(prompt !== undefined && { [caption ?? 'caption']: prompt }),
      ...(picture !== undefined && {
        [name]: { ...Object(inputOf(picture, undefined)), ...(hide !== undefined && { hide }) },
      }),
    };
    const inputs = inputsOf(given.inputs ?? {}, model ? [model] : []);
    const isObject = typeof inputs === 'object' && inputs !== null && !Array.isArray(inputs);
    const body = {
      inputs: isObject ? { ...inputs, ...own } : inputs,
      targets: [name],
      ...(samples !== undefined && { num_samples: samples }),
      ...taken(given, ['seed']),
      ...named,
    };
    return generatedResult(await generate(body, context), (target) => target === name);
  },
};
