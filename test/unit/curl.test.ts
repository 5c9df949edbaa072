/** Commands of curl that are shown, read back by a real shell. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { curlSnippet } from '../../edge/examples/curl.ts';
import type { Body, ExampleRequest } from '../../edge/examples/example.ts';

const requestWith = (body: Body): ExampleRequest => ({
  origin: 'http://localhost:8787',
  method: 'POST',
  path: '/v1/generate',
  needsKey: false,
  headers: {},
  formLists: ['targets'],
  answer: 'json',
  steps: {},
  body,
});

/** The arguments that a shell hands to curl, and what it reads. */
function heard(body: Body): { args: string[]; read: string } {
  const hears = `curl() { printf '%s\\0' "$@"; [ -t 0 ] || cat; }`;
  const { stdout, status } = spawnSync(
    'bash',
    ['-c', `${hears}\n${curlSnippet(requestWith(body))}`],
    {
      encoding: 'utf8',
      input: '',
      cwd: import.meta.dirname,
    },
  );
  assert.equal(status, 0);
  const parts = stdout.split('\0');
  return { args: parts.slice(0, -1), read: parts.at(-1) ?? '' };
}

test('text and names that mean something to a shell or to curl arrive as they are', () => {
  const caption = `it's "$HOME" \`id\` ; @file <in`;
  const rgb = { data: '@my; "best" picture.png' };
  const { args } = heard({ inputs: { caption, rgb }, targets: ['depth', 'caption'] });
  assert.deepEqual(args.slice(-6), [
    '--form-string',
    `caption=${caption}`,
    '-F',
    'rgb=@"my; \\"best\\" picture.png"',
    '--form-string',
    'targets=depth,caption',
  ]);
});

test('what a form cannot say goes as JSON, with the bytes of a file and what is hidden of it', async () => {
  const caption = `it's "$HOME" \`id\` \\n`;
  const hide = [{ box: [0.1, 0.2, 0.3, 0.4] }];
  const file = 'curl.test.js';
  const body = {
    inputs: { caption, rgb: { data: `@${file}`, hide } },
    targets: [{ modality: 'depth', steps: 4 }],
  };
  const { args, read } = heard(body);
  assert.deepEqual(args.slice(-2), ['-d', '@-']);
  const sent = JSON.parse(read);
  const { data, ...others } = sent.inputs.rgb;
  assert.match(Buffer.from(data, 'base64').toString(), /read back by a real shell/);
  assert.deepEqual(
    { ...sent, inputs: { ...sent.inputs, rgb: others } },
    { ...body, inputs: { caption, rgb: { hide } } },
  );
});
