/** The playground's curl command, read back by a real shell. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { curlCommand } from '../../edge/playground/curl.ts';
import type { SnippetRequest } from '../../edge/playground/snippet.ts';

const base: SnippetRequest = {
  origin: 'http://localhost:8787',
  hasKey: false,
  keep: false,
  tokensOnly: false,
  inputs: [],
  targets: [{ modality: 'depth' }],
  chained: true,
  numSamples: 1,
};

/** The arguments that a shell hands to curl. */
const argumentsOf = (request: SnippetRequest): string[] => {
  const script = `curl() { printf '%s\\0' "$@"; }\n${curlCommand(request)}`;
  const { stdout, status } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  assert.equal(status, 0);
  return stdout.split('\0').slice(0, -1);
};

test('the plain case is the one of the README', () => {
  const command = curlCommand({
    ...base,
    inputs: [{ name: 'rgb', kind: 'file', path: 'scene-1.png' }],
    pictureOf: 'depth',
  });
  assert.equal(
    command,
    [
      'curl http://localhost:8787/v1/generate',
      '-F rgb=@scene-1.png',
      '-F targets=depth',
      '--fail-with-body',
      "-H 'Accept: image/png'",
      '-o depth.png',
    ].join(' \\\n  '),
  );
});

test('text and names that mean something to a shell or to curl arrive as they are', () => {
  const text = `it's "$HOME" \`id\` ; @file <in`;
  const args = argumentsOf({
    ...base,
    inputs: [
      { name: 'caption', kind: 'text', text },
      { name: 'rgb', kind: 'file', path: 'my; "best" picture.png' },
    ],
  });
  assert.deepEqual(args.slice(1, 5), [
    '--form-string',
    `caption=${text}`,
    '-F',
    'rgb=@"my; \\"best\\" picture.png"',
  ]);
});

test('settings are sent as JSON targets, and only what differs from the defaults is said', () => {
  const targets = [{ modality: 'depth', steps: 4, temperature: 0.5 }, { modality: 'caption' }];
  const args = argumentsOf({ ...base, targets, chained: false, numSamples: 2, seed: 'random' });
  const sent = args.find((argument) => argument.startsWith('targets='));
  assert.deepEqual(JSON.parse(sent!.slice('targets='.length)), targets);
  assert.deepEqual(args.slice(3), [
    '-F',
    'chained=false',
    '-F',
    'num_samples=2',
    '-F',
    'seed=random',
  ]);
});

test('tokens go into the JSON of the request field, beside files', () => {
  const args = argumentsOf({
    ...base,
    inputs: [
      { name: 'scene_global', kind: 'json', value: { tokens: [3, 1] } },
      { name: 'rgb', kind: 'file', path: 'a.png' },
    ],
  });
  assert.deepEqual(args.slice(1, 4), ['-F', 'rgb=@a.png', '--form-string']);
  const sent = JSON.parse(args[4]!.slice('request='.length));
  assert.deepEqual(sent, { inputs: { scene_global: { tokens: [3, 1] } } });
});
