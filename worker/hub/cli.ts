/** `npm run models:pull -- HUB_ID`: checkpoints from the Hugging Face hub, alone or as complete sets. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PRECISIONS, type Precision } from '../../shared/model/precisions.ts';
import { ExportError } from '../export/errors.ts';
import { SafetensorsError } from '../safetensors/errors.ts';
import { SessionError } from '../session/types.ts';
import { HubError } from './errors.ts';
import { exportPulled } from './exportPulled.ts';
import {
  isPublished,
  isPublishedModel,
  PRESETS,
  type Preset,
  TEXT_TOKENIZER,
  WEIGHTS_LICENCE,
} from './presets.ts';
import { progressOn } from './progress.ts';
import { pullRepository, pullSet } from './pull.ts';
import { HUB_DEFAULTS, type Hub } from './request.ts';
import { pullTextTokenizer } from './textTokenizer.ts';

const FLAGS = Object.keys(PRESETS).map((name) => `--all-${name}`);
const USAGE = `usage: npm run models:pull -- HUB_ID [--out DIR] [--revision REV]
       npm run models:pull -- PRESET [--out DIR] [--text-tokenizer URL|FILE]

  HUB_ID      a repository of the hub, such as EPFL-VILAB/4M-21_B: its safetensors, config and licence,
              and for a published model the text tokenizer
  PRESET      a model with its tokenizers and the text tokenizer, for npm run export:
              ${FLAGS.join('\n              ')}
  --out       folder for the files, by default .data/checkpoints/NAME
  --revision  branch, tag or commit, by default main
  --endpoint  address of the hub, by default ${HUB_DEFAULTS.endpoint} or HF_ENDPOINT
  --export    a folder that must not exist: the checkpoint is exported into it as well
  --precision of that export: ${PRECISIONS.join(', ')}
  --name      of the model that is exported, by default the name of the preset or repository
  --text-tokenizer  another place of the published text tokenizer, whose digest is checked; also as
              FOURM_TEXT_TOKENIZER

HF_TOKEN gives access to gated and private repositories. What is there already is not fetched again,
and what was interrupted goes on where it ended.`;

const flags = Object.fromEntries(
  FLAGS.map((flag) => [flag.slice(2), { type: 'boolean' } as const]),
);

interface Request {
  readonly hub: Hub;
  readonly repository: string | undefined;
  /** Name and contents. */
  readonly preset: readonly [string, Preset] | undefined;
  readonly out: string | undefined;
  readonly revision: string;
  readonly textTokenizer: string;
  /** Where to export it, and how; undefined for not at all. */
  readonly exported:
    | { readonly folder: string; readonly precision: Precision; readonly name: string | undefined }
    | undefined;
}

/** @returns undefined where the arguments ask for nothing or for two things */
function parseRequest(args: readonly string[]): Request | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...flags,
      out: { type: 'string' },
      revision: { type: 'string', default: 'main' },
      endpoint: { type: 'string', default: process.env.HF_ENDPOINT || HUB_DEFAULTS.endpoint },
      export: { type: 'string' },
      precision: { type: 'string', default: 'fp32' },
      name: { type: 'string' },
      'text-tokenizer': {
        type: 'string',
        default: process.env.FOURM_TEXT_TOKENIZER || TEXT_TOKENIZER.url,
      },
    },
  });
  const given: Readonly<Record<string, unknown>> = values;
  const presets = Object.entries(PRESETS).filter(([name]) => given[`all-${name}`] === true);
  if (presets.length + positionals.length !== 1) return undefined;
  const endpoint = values.endpoint.replace(/\/+$/, '');
  if (!URL.canParse(endpoint)) throw new HubError('not_found', `${endpoint}: not an address`);
  const token = process.env.HF_TOKEN || undefined;
  if (token !== undefined && !token.startsWith('hf_'))
    throw new HubError('access', 'HF_TOKEN: a token of the hub begins with hf_');
  const [repository] = positionals;
  if (repository !== undefined && !/^\w[\w.-]*\/\w[\w.-]*$/.test(repository))
    throw new HubError('not_found', `${repository}: a repository is named OWNER/NAME`);
  const precision = PRECISIONS.find((one) => one === values.precision);
  if (precision === undefined) return undefined;
  return {
    exported:
      values.export === undefined
        ? undefined
        : { folder: values.export, precision, name: values.name },
    hub: { ...HUB_DEFAULTS, endpoint, token },
    repository,
    preset: presets[0],
    out: values.out,
    revision: values.revision,
    textTokenizer: values['text-tokenizer'],
  };
}

/** As a shell takes it for one word. */
const quoted = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

async function main(args: readonly string[]): Promise<number> {
  const request = parseRequest(args);
  if (request === undefined) {
    console.error(USAGE);
    return 2;
  }
  const { hub, repository, preset, revision, textTokenizer, exported } = request;
  const name = preset?.[0] ?? repository?.split('/')[1] ?? '';
  const out = request.out ?? join('.data', 'checkpoints', name);
  const report = progressOn(process.stdout);
  const { checkpoint } = preset
    ? await pullSet(
        hub,
        preset[1],
        revision,
        out,
        { from: textTokenizer, sha256: TEXT_TOKENIZER.sha256 },
        report,
      )
    : await pullRepository(hub, repository ?? '', revision, out, report);
  if (isPublishedModel(repository ?? '')) {
    const fetched = await pullTextTokenizer(
      hub,
      { from: textTokenizer, sha256: TEXT_TOKENIZER.sha256 },
      out,
      'tokenizer.json',
    );
    console.log(`tokenizer.json: ${fetched ? 'the text tokenizer that it needs' : 'is there'}`);
  }
  if (exported) {
    const isOurs = preset || isPublished(repository ?? '');
    await exportPulled(checkpoint, exported.folder, {
      id: exported.name ?? name,
      precision: exported.precision,
      ...(isOurs && { licence: WEIGHTS_LICENCE }),
    });
    console.log(`\n${exported.folder}: exported in ${exported.precision}`);
    return 0;
  }
  // Sets and models are served from the one folder; a checkpoint alone has the name `model` if nothing is said.
  const isServed = preset || isPublishedModel(repository ?? '');
  const target = join('.data', isServed ? 'models' : 'exports', name);
  const options = [
    ...(preset ? [] : ['--name', name]),
    ...(preset || isPublished(repository ?? '') ? ['--licence', WEIGHTS_LICENCE] : []),
  ];
  console.log(`\nThe weights have their own licence: read README.md and LICENSE beside them.
Export them with

  npm run export -- ${[checkpoint, target, ...options].map(quoted).join(' ')}`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const expected =
    error instanceof HubError ||
    error instanceof ExportError ||
    error instanceof SafetensorsError ||
    error instanceof SessionError ||
    (error instanceof TypeError && 'code' in error) ||
    (error instanceof Error && 'syscall' in error);
  if (!expected) throw error;
  console.error(`models:pull: ${error.message}`);
  process.exitCode = 1;
}
