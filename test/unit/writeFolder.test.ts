import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ExportError, type ExportProblem } from '../../worker/export/errors.ts';
import { assertSpace, digestFiles, writeFolder } from '../../worker/export/files.ts';
import { writingError } from '../../worker/export/writingError.ts';
import { temporaryFolder } from '../support/exported.ts';

let folder: string;
let out: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  out = join(folder, 'out');
});
afterEach(() => rm(folder, { recursive: true }));

const interrupted = fileURLToPath(new URL('../support/interrupted.js', import.meta.url));

const is = (reason: ExportProblem, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ExportError, String(error));
  assert.equal(error.reason, reason);
  assert.match(error.message, message);
  return true;
};
const file = (path: string) => writeFile(path, 'content');

describe('a folder', () => {
  test('appears when it is whole, its parents with it', async () => {
    const deep = join(folder, 'a', 'b', 'out');
    const result = await writeFolder(deep, async (partial) => {
      await file(join(partial, 'x'));
      await assert.rejects(stat(deep), /ENOENT/);
      return 7;
    });
    assert.equal(result, 7);
    assert.deepEqual(await readdir(join(folder, 'a', 'b')), ['out']);
    assert.deepEqual(await readdir(deep), ['x']);
  });

  test('that fails leaves nothing, not even the parents made for it', async () => {
    await mkdir(join(folder, 'kept'));
    const writing = writeFolder(join(folder, 'kept', 'a', 'b', 'out'), async (partial) => {
      await mkdir(join(partial, 'deep'));
      await file(join(partial, 'deep', 'x'));
      throw new Error('as it happens');
    });
    await assert.rejects(writing, /^Error: as it happens$/);
    assert.deepEqual(await readdir(join(folder, 'kept')), []);
  });

  test('is not disturbed by leftovers whose writer cannot be told', async () => {
    await mkdir(`${out}.partial-0badc0de`);
    await writeFolder(out, (partial) => file(join(partial, 'x')));
    assert.deepEqual((await readdir(folder)).sort(), ['out', 'out.partial-0badc0de']);
  });

  test('is rid of what a killed process left, and leaves what another one is writing', async () => {
    const start = async () => {
      const child = spawn(process.execPath, [interrupted, out], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      return child;
    };
    const killed = await start();
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const [left = ''] = await readdir(folder);
    assert.match(left, /^out\.partial-/);
    const running = await start();
    const [others = '', ...more] = await readdir(folder);
    assert.deepEqual([others.startsWith('out.partial-'), others === left, more], [true, false, []]);
    await writeFolder(out, (partial) => file(join(partial, 'x')));
    assert.deepEqual((await readdir(folder)).sort(), ['out', others]);
    running.kill('SIGKILL');
    await once(running, 'exit');
    await assert.rejects(
      writeFolder(out, async () => {}),
      is('output_exists', /out exists already/),
    );
    assert.deepEqual(await readdir(folder), ['out']);
  });

  test('never takes the place of another', async () => {
    await mkdir(out);
    let asked = false;
    const ask = async () => {
      asked = true;
    };
    await assert.rejects(writeFolder(out, ask), is('output_exists', /out exists already/));
    await rm(out, { recursive: true });
    await symlink(join(folder, 'nowhere'), out);
    await assert.rejects(writeFolder(out, ask), is('output_exists', /out exists already/));
    assert.equal(asked, false, 'nothing was written for nothing');
  });

  for (const [what, make] of [
    ['an empty folder', () => mkdir(out)],
    ['a file', () => file(out)],
    ['a link', () => symlink(folder, out)],
  ] as const)
    test(`does not replace ${what} that appears meanwhile`, async () => {
      const writing = writeFolder(out, async (partial) => {
        await file(join(partial, 'x'));
        await make();
      });
      await assert.rejects(writing, is('output_exists', /out exists already/));
      assert.deepEqual(await readdir(folder), ['out']);
    });

  test('is written by one of two at a time, the other is refused', async () => {
    const write = (value: string) =>
      writeFolder(out, async (partial) => writeFile(join(partial, 'x'), value));
    const both = await Promise.allSettled([write('a'), write('b')]);
    const refused = both.filter((one) => one.status === 'rejected');
    assert.equal(refused.length, 1);
    is('output_exists', /out exists already/)(refused[0]!.reason);
    assert.deepEqual(await readdir(folder), ['out']);
    assert.equal(
      await readFile(join(out, 'x'), 'utf8'),
      both[0]!.status === 'fulfilled' ? 'a' : 'b',
    );
  });
});

describe('what the system says when it cannot write', () => {
  test('a full disk', async () => {
    // The kernel's own full device: the error is the one that a full disk gives.
    const writing = writeFolder(out, async (partial) => {
      await symlink('/dev/full', join(partial, 'x'));
      const handle = await open(join(partial, 'x'), 'w');
      await handle.writeFile('content').finally(() => handle.close());
    });
    await assert.rejects(
      writing,
      is('disk_full', new RegExp(`^${out}: cannot be written: no space left .*choose a folder on`)),
    );
    assert.deepEqual(await readdir(folder), []);
  });

  test('a file where a folder should be', async () => {
    await file(join(folder, 'file'));
    const inFile = writeFolder(join(folder, 'file', 'out'), async () => {});
    await assert.rejects(inFile, is('cannot_write', /file\/out: cannot be written: a file is in/));
    assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'content');
  });

  test('a name that is too long', async () => {
    const writing = writeFolder(join(folder, 'n'.repeat(250)), async () => {});
    await assert.rejects(writing, is('cannot_write', /the name is too long; choose a shorter one/));
    assert.deepEqual(await readdir(folder), []);
  });

  test('a folder that others own', async () => {
    // Permissions do not stop root, who becomes nobody for a moment.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(65534);
    else await chmod(folder, 0o500);
    try {
      await assert.rejects(
        writeFolder(out, async () => {}),
        is('cannot_write', /out: cannot be written: permission denied; choose a folder that you/),
      );
    } finally {
      if (isRoot) process.seteuid?.(0);
      else await chmod(folder, 0o700);
    }
  });

  test('every code by its name, and only where writing is what failed', () => {
    const system = (code: string, fields: object) =>
      Object.assign(new Error(`${code}: as said by the system`), { code, ...fields });
    const expected: [string, ExportProblem][] = [
      ['ENOSPC', 'disk_full'],
      ['EDQUOT', 'disk_full'],
      ['EFBIG', 'cannot_write'],
      ['EROFS', 'cannot_write'],
      ['EACCES', 'cannot_write'],
      ['EPERM', 'cannot_write'],
      ['EIO', 'cannot_write'],
    ];
    for (const [code, reason] of expected) {
      const error = system(code, { syscall: 'write' });
      const mapped = writingError('/models/out', error);
      is(
        reason,
        /^\/models\/out: cannot be written: .*; .* \(E\w+: as said by the system\)$/,
      )(mapped);
      assert.equal(mapped?.cause, error);
    }
    const opening = { syscall: 'open', path: '/models/out.partial-01234567/x' };
    assert.equal(writingError('/models/out', system('EACCES', opening))?.reason, 'cannot_write');
    for (const [code, fields] of [
      ['EACCES', { syscall: 'open', path: '/models/checkpoint.safetensors' }],
      ['EIO', { syscall: 'read' }],
      ['ENOENT', { syscall: 'open', path: '/models/out.partial-01234567/x' }],
    ] as const)
      assert.equal(writingError('/models/out', system(code, fields)), undefined, code);
    assert.equal(writingError('/models/out', new Error('of another kind')), undefined);
  });
});

describe('room for what is to be written', () => {
  test('is there or is not, on the disk of a folder yet to be made', async () => {
    const deep = join(folder, 'not', 'yet', 'there');
    await assertSpace(deep, 1);
    await assertSpace(folder, 0);
    await assert.rejects(
      assertSpace(deep, Number.MAX_SAFE_INTEGER),
      is(
        'disk_full',
        /there: 9,007,199,254,740,991 bytes are to be written, [\d,]+ are free; free/,
      ),
    );
    assert.deepEqual(await readdir(folder), []);
  });

  test('is asked for where a file is in the way too, as that is found when writing', async () => {
    await file(out);
    await assertSpace(join(out, 'x'), 1);
  });
});

describe('a signal', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    test(`${signal} removes what is half-written and ends the process as ever`, async () => {
      const child = spawn(process.execPath, [interrupted, join(folder, 'new', 'out')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      assert.equal((await readdir(join(folder, 'new'))).length, 1);
      child.kill(signal);
      assert.deepEqual(await once(child, 'exit'), [null, signal]);
      assert.deepEqual(await readdir(folder), []);
    });
});

test('a digest is told along the way, and is of the contents in order', async () => {
  const names = ['a', 'b'].map((name) => join(folder, name));
  await writeFile(names[0]!, new Uint8Array(3 << 20).fill(97));
  await writeFile(names[1]!, new Uint8Array(1 << 20).fill(98));
  const shares: number[] = [];
  const digest = await digestFiles(names, (share) => shares.push(share));
  assert.deepEqual(shares, [0.25, 0.5, 0.75, 1]);
  const { createHash } = await import('node:crypto');
  const whole = Buffer.concat([await readFile(names[0]!), await readFile(names[1]!)]);
  assert.equal(digest, createHash('sha256').update(whole).digest('hex'));
});
