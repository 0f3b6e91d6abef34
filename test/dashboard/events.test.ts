/** Server-sent events as the page reads them, in whatever pieces they come. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { readEvents } from '../../dashboard/events.ts';
import { suite } from '../harness.ts';

const test = suite('dashboard events');

const STREAM = [
  ': the log\n\n',
  'data: {"n":1}\n\n',
  'event: skipped\ndata: 4500\n\n',
  'data: {"text":"é🦊"}\r\n\r\n',
  ': still here\n\n',
  'event: nothing\n\n',
  'id: 7\ndata:one\ndata: two\n\n',
].join('');

const EVENTS = [
  ['{"n":1}', 'message'],
  ['4500', 'skipped'],
  ['{"text":"é🦊"}', 'message'],
  ['one\ntwo', 'message'],
];

test('each event comes with its name, however the stream is cut', async () => {
  const bytes = Buffer.from(STREAM);
  const cuts = fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(cuts, async (at) => {
      const ends = [...at, bytes.length].sort((one, other) => one - other);
      const pieces = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
      const seen: [string, string][] = [];
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          const piece = pieces.shift();
          if (piece === undefined) controller.close();
          else controller.enqueue(piece);
        },
      });
      await readEvents(stream, (data, name) => seen.push([data, name]));
      assert.equal(seen, EVENTS);
    }),
  );
});

test.run();
