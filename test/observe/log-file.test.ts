/** The log in a file: bounded, in whole lines, and never a reason to stop. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { logFile } from '../../src/observe/log-file.ts';
import { eventually, suite, temporaryFolder } from '../harness.ts';

const test = suite('log file');

/** A log file in a new folder, its complaints, and a clock that the test moves. */
function open({ bytesMax = 0, filesMax = 5, folder = temporaryFolder() } = {}) {
  const path = join(folder, 'server.log');
  const complaints: string[] = [];
  const clock = { now: 0 };
  const output = logFile({
    path,
    bytesMax,
    filesMax,
    complain: (sentence) => complaints.push(sentence),
    stopwatch: () => clock.now,
  });
  const write = (text: string) => {
    output.write(text);
    output.flush();
  };
  return { path, folder, complaints, clock, output, write, text: () => readFileSync(path, 'utf8') };
}

/** The files of a log, oldest first. */
function files(path: string): string[] {
  const older = [];
  for (let n = 1; existsSync(`${path}.${n}`); n++) older.unshift(`${path}.${n}`);
  return [...older, path];
}

test('whatever is written, the newest of it is there in order and in whole lines, within the bounds', () => {
  const line = fc.integer({ min: 0, max: 90 }).map((length) => `${'x'.repeat(length)}\n`);
  const chunks = fc.array(fc.array(line, { minLength: 1, maxLength: 4 }), { maxLength: 40 });
  fc.assert(
    fc.property(
      chunks,
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 4 }),
      (chunks, bytesMax, filesMax) => {
        const { path, folder, write, complaints } = open({ bytesMax, filesMax });
        let [count, written] = [0, ''];
        for (const lines of chunks) {
          const chunk = lines.map((line) => `${count++} ${line}`).join('');
          written += chunk;
          write(chunk);
        }
        const kept = files(path).map((file) => readFileSync(file, 'utf8'));
        assert.equal(readdirSync(folder).length, kept.length, 'no other files');
        assert.ok(kept.length <= filesMax);
        assert.ok(written.endsWith(kept.join('')), 'the newest, in order');
        const chunkMax = Math.max(0, ...chunks.map((lines) => lines.join('').length + lines.length * 5));
        for (const text of kept) {
          assert.ok(text.length <= Math.max(bytesMax, chunkMax), `${text.length} bytes`);
          assert.match(text, /^(\d+ x*\n)*$/);
        }
        // As long as there is room for all of it, nothing is lost.
        if (kept.length < filesMax) assert.is(kept.join(''), written);
        assert.equal(complaints, []);
      },
    ),
    { numRuns: 60 },
  );
});

test('a file that is there already is gone on with, and its size counts', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'server.log'), 'before\n');
  const { path, write } = open({ folder, bytesMax: 20 });
  write('after\n');
  assert.equal(
    files(path).map((file) => readFileSync(file, 'utf8')),
    ['before\nafter\n'],
  );
  write('and more\n');
  assert.equal(
    files(path).map((file) => readFileSync(file, 'utf8')),
    ['before\nafter\n', 'and more\n'],
  );
});

test('fewer files than before: those beyond the bound go', () => {
  const folder = temporaryFolder();
  for (let n = 1; n < 7; n++) writeFileSync(join(folder, `server.log.${n}`), `${n}\n`);
  const { path, write } = open({ folder, bytesMax: 4, filesMax: 3 });
  write('one\n');
  write('two\n');
  assert.equal(
    files(path).map((file) => readFileSync(file, 'utf8')),
    ['1\n', 'one\n', 'two\n'],
  );
});

test('the folder is made, and only the owner and the group may read', () => {
  const folder = join(temporaryFolder(), 'var', 'logs');
  const { path, write, text } = open({ folder });
  write('a line\n');
  assert.is(text(), 'a line\n');
  assert.is(statSync(path).mode & 0o007, 0);
  assert.is(statSync(folder).mode & 0o007, 0);
});

test('a file that was removed or moved away is made anew within a second', () => {
  const { path, write, text, clock } = open();
  write('one\n');
  rmSync(path);
  clock.now += 1_000;
  write('two\n');
  assert.is(text(), 'two\n');
  renameSync(path, `${path}.away`);
  clock.now += 1_000;
  write('three\n');
  assert.is(text(), 'three\n');
  assert.is(readFileSync(`${path}.away`, 'utf8'), 'two\n');
});

test('a file that was emptied by somebody else has no hole, and is filled up again', () => {
  const { path, write, text, clock } = open({ bytesMax: 30 });
  write(`${'x'.repeat(25)}\n`);
  writeFileSync(path, '');
  clock.now += 1_000;
  write(`${'y'.repeat(20)}\n`);
  assert.is(text(), `${'y'.repeat(20)}\n`);
  assert.equal(files(path), [path]);
});

test('a file that cannot be had is told once, costs lines and nothing else, and is tried again', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'server.log'));
  const { path, output, write, text, complaints, clock } = open({ folder });
  for (let n = 1; n <= 3; n++) {
    write('lost\n');
    assert.is(output.dropped, n);
    clock.now += 1_000;
  }
  assert.is(complaints.length, 1);
  assert.match(complaints[0] ?? '', /^LOG_FILE is "[^"]+server\.log": it cannot be opened \(EISDIR\)\. [^\n]+$/);
  rmdirSync(path);
  clock.now += 1_000;
  write('kept\n');
  assert.is(text(), 'kept\n');
  assert.is(output.dropped, 3);
});

test('where older files cannot be kept, the bound is', () => {
  const { path, write, text, complaints } = open({ bytesMax: 10 });
  mkdirSync(join(`${path}.4`, 'in the way'), { recursive: true });
  for (let n = 1; n < 5; n++) mkdirSync(`${path}.${n}`, { recursive: true });
  for (let n = 0; n < 5; n++) write(`${n}: line\n`);
  assert.is(text(), '4: line\n');
  assert.is(complaints.length, 1);
  assert.match(complaints[0] ?? '', /cannot be rotated/);
});

test('whoever follows the file goes on seeing what comes', async () => {
  const { path, write } = open({ bytesMax: 2_000 });
  write('first\n');
  const tail = spawn('tail', ['-n', '+1', '-f', path], { stdio: ['ignore', 'pipe', 'ignore'] });
  const seen = listen(tail);
  try {
    await eventually(() => seen().includes('first\n'), 'tail to begin');
    for (let round = 0; round < 3; round++) {
      while (!existsSync(`${path}.${round + 1}`)) write(`round ${round}\n`);
      // As it is rotated, what was not read yet is in the older file; what comes now is seen.
      write(`after rotating ${round}\n`);
      await eventually(
        () => seen().includes(`after rotating ${round}\n`),
        `tail to see what came after rotation ${round}`,
      );
    }
  } finally {
    tail.kill('SIGKILL');
    await once(tail, 'close');
  }
});

test('a pipe is written to, and neither rotated nor waited for', async () => {
  const folder = temporaryFolder();
  const pipe = join(folder, 'server.log');
  assert.is(spawnSync('mkfifo', [pipe]).status, 0);
  const nobody = open({ folder, bytesMax: 10 });
  nobody.write('nobody reads\n');
  assert.match(nobody.complaints.join(), /cannot be opened \(ENXIO\)/);

  const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'ignore'] });
  const seen = listen(reader);
  try {
    await eventually(() => {
      nobody.clock.now += 1_000;
      nobody.write('somebody reads\n');
      return seen().includes('somebody reads\n');
    }, 'the pipe to be read');
    nobody.write('and more\n');
    await eventually(() => seen().endsWith('and more\n'), 'the rest');
    assert.equal(readdirSync(folder), ['server.log']);
  } finally {
    reader.kill('SIGKILL');
    await once(reader, 'close');
  }
});

/** What a process has printed so far. */
function listen({ stdout }: ChildProcess): () => string {
  let text = '';
  stdout?.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  return () => text;
}

test.run();
