/** Where lines are gathered before they are written. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Output } from '../../src/observe/output.ts';
import { suite, within } from '../harness.ts';

const test = suite('output');

const CHUNK = 64 * 1024;

/** An output, and the chunks that it has handed over. */
function gather() {
  const chunks: Buffer[] = [];
  const output = new Output(
    (chunk) => chunks.push(chunk),
    () => {},
  );
  return { output, chunks, text: () => Buffer.concat(chunks).toString() };
}

/** Writes as the log does for each message: into the room that was reserved. */
function fill(output: Output, text: string): void {
  const bytes = Buffer.from(text);
  output.reserve(bytes.length);
  output.bytes.set(bytes, output.used);
  output.used += bytes.length;
}

test('everything comes out as it went in, in order, in chunks of 64 KiB at most', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.tuple(fc.constantFrom('x', 'é', '🦊'), fc.integer({ min: 8_000, max: 16_384 })).map(([one, n]) => one.repeat(n)),
  );
  const step = fc.tuple(fc.constantFrom('write', 'write', 'fill', 'fill', 'flush'), text);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { output, chunks, text } = gather();
      let expected = '';
      for (const [does, text] of steps) {
        if (does === 'flush') output.flush();
        else {
          if (does === 'write') output.write(text);
          else fill(output, text);
          expected += text;
        }
      }
      output.flush();
      assert.ok(text() === expected, 'the text is the same');
      assert.ok(chunks.every(({ length }) => length > 0 && length <= CHUNK));
      assert.is(output.dropped, 0);
    }),
  );
});

test('a text that is longer than a chunk keeps its place', () => {
  const { output, text } = gather();
  const long = '🦊'.repeat(CHUNK);
  for (const part of ['before ', long, ' after']) output.write(part);
  output.flush();
  assert.ok(text() === `before ${long} after`);
});

test('a chunk that was handed over stays as it was', () => {
  const { output, chunks } = gather();
  output.write('first');
  output.flush();
  output.write('later');
  output.flush();
  assert.equal(chunks.map(String), ['first', 'later']);
});

test('what was gathered is handed over by itself, soon', async () => {
  let tell = (_text: string) => {};
  const told = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const output = new Output(
    (chunk) => tell(chunk.toString()),
    () => {},
  );
  output.write('one line\n');
  fill(output, 'another\n');
  assert.is(await within(told, 'the lines to be handed over'), 'one line\nanother\n');
});

test('when nobody reads, what is dropped is counted, and nothing is thrown', () => {
  const broken = () => {
    throw new Error('EPIPE');
  };
  const output = new Output(broken, () => {});
  for (let n = 1; n <= 3; n++) {
    output.write('a line\nand another\n');
    output.flush();
    assert.is(output.dropped, 2 * n);
  }
  output.write(`${'x'.repeat(CHUNK + 1)}\n`);
  assert.is(output.dropped, 7);
  new Output(() => {}, broken).flush();
});

test.run();
