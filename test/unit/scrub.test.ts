/** What must not lie in a log does not come through, wherever an entry holds it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConsoleLog } from '../../shared/log/consoleLog.ts';
import { createPinoLog } from '../../shared/log/pinoLog.ts';
import { createScrub } from '../../shared/log/scrub.ts';

const SECRET = 'an operators/own+secret';
const scrub = createScrub([SECRET, undefined, '', 'short']);

const HIDDEN: readonly (readonly [string, string, string])[] = [
  ['a setting', `the store said: ${SECRET} is wrong`, SECRET],
  ['a setting in an address', `GET /x?key=${encodeURIComponent(SECRET)} failed`, 'operators%2Fown'],
  ['a secret of webhooks', 'signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'MfKQ9r8GKYqr'],
  ['a key in a header', 'sent Authorization: Bearer fm_live_8f9e8d7c6b5a', 'fm_live_8f9e8d7c6b5a'],
  ['a basic password', 'sent Authorization: Basic dXNlcjpwYXNzd29yZA==', 'dXNlcjpwYXNzd29yZA'],
  ['a key of the hub', 'HF_TOKEN hf_AbCdEfGhIjKlMnOp is refused', 'hf_AbCdEfGhIjKlMnOp'],
  ['an access key', 'no such key: AKIAIOSFODNN7EXAMPLE', 'AKIAIOSFODNN7EXAMPLE'],
  [
    'a signed address',
    'PUT https://s3.example.org/b/uploads/one?X-Amz-Credential=AKIDsome&X-Amz-Signature=0a1b2c3d failed',
    '0a1b2c3d',
  ],
  [
    'a signature of S3',
    'AWS4-HMAC-SHA256 Credential=ab/cd, Signature=fe5f80f77d5fa3',
    'fe5f80f77d',
  ],
  ['a name in an address', 'https://user:letmein@host.example/x', 'letmein'],
  [
    'an address that is a secret',
    'POST https://hooks.example.com/services/T0123/B4567/aBcD1234eFgH5678iJkL9012',
    'aBcD1234eFgH5678iJkL9012',
  ],
  ['a picture', `invalid: data:image/png;base64,${'iVBORw0KGgo'.repeat(4)}`, 'iVBORw0KGgo'],
  ['bytes', `got ${'QUJDREVGR0hJSktM'.repeat(40)}`, 'QUJDREVGR0hJSktM'],
];

for (const [what, text, hidden] of HIDDEN) {
  test(`${what} is taken out of every place of an entry`, () => {
    assert.ok(text.includes(hidden), 'the test means something');
    const error = new Error('outer', { cause: new Error(text) });
    const entry = {
      message: text,
      error: `${text}\n  at x`,
      nested: { list: [text, { deep: text }] },
    };
    const scrubbed = JSON.stringify(scrub({ ...entry, thrown: new Error(text), outer: error }));
    assert.ok(!scrubbed.includes(hidden), scrubbed);
    const lines: string[] = [];
    const options = { service: 'worker', level: 'info', secrets: [SECRET] } as const;
    createPinoLog(options, { write: (line: string) => void lines.push(line) })(entry);
    createConsoleLog(options, (line) => void lines.push(line))(entry);
    assert.equal(lines.length, 2);
    for (const line of lines) assert.ok(!line.includes(hidden), line);
  });
}

test('texts under the names of secrets are not shown; what is no secret is', () => {
  const kept = {
    event: 'generate',
    request_id: '0a1b2c3d-0000-4000-8000-000000000000',
    tokens: 12,
    digest: 'a'.repeat(64),
    message: 'the worker is ready at http://127.0.0.1:8788, GET /internal/generate answers',
  };
  assert.deepEqual(scrub(kept), kept);
  const hidden = { webhook_secret: 'x', Authorization: 'y', api_key: 'z', token: 'w', cookie: 'v' };
  for (const value of Object.values(scrub(hidden))) assert.equal(value, '[redacted]');
});

test('a text without end is cut, and a secret at the cut is not cut in two', () => {
  const text = `${'word '.repeat(1636)}${SECRET} and more ${'word '.repeat(10_000)}`;
  const { message } = scrub({ message: text });
  assert.ok(String(message).length < 8_300);
  assert.ok(!String(message).includes(SECRET.slice(0, 8)));
});

test('both logs write the same shape, from a level on', () => {
  const written = (level: 'info' | 'error') => {
    const lines: string[] = [];
    const options = { service: 'edge', level, secrets: [] };
    const logs = [
      createPinoLog(options, { write: (line: string) => void lines.push(line) }),
      createConsoleLog(options, (line) => void lines.push(line)),
    ];
    for (const log of logs) {
      log({ event: 'request', status: 200, message: 'fine' });
      log({ event: 'request', status: 500 });
    }
    return lines.map((line) => {
      const { time, ...entry } = JSON.parse(line) as Record<string, unknown>;
      assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      return entry;
    });
  };
  const fine = { level: 'info', service: 'edge', event: 'request', status: 200, message: 'fine' };
  const failed = { level: 'error', service: 'edge', event: 'request', status: 500 };
  assert.deepEqual(written('info'), [fine, failed, fine, failed]);
  assert.deepEqual(written('error'), [failed, failed]);
});
