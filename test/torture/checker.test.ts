/** That the checker of the torture notices what it is there for. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite, temporaryFolder } from '../harness.ts';
import { isKept, judge } from './checker.ts';
import { Evidence, type Line, readEvidence } from './evidence.ts';

const test = suite('torture checker');

/** Ada's first five messages to Grace, all of them acknowledged and shown. */
function wellDone(): Line[] {
  return [1, 2, 3, 4, 5].flatMap((n): Line[] => {
    const message = { from: 'ada', to: 'grace', n, id: `id${n}` };
    return [
      { what: 'asked', from: 'ada', n },
      { what: 'sent', ...message, status: n % 2 === 0 ? 'queued' : 'delivered' },
      { what: 'shown', ...message, number: n, isWhole: true },
    ];
  });
}

const isShown = (n: number) => (line: Line) => line.what === 'shown' && line.n === n;

function shownOf(lines: Line[], n: number): Line {
  return lines.find(isShown(n)) as Line;
}

test('all is well', () => {
  const verdict = judge(wellDone());
  assert.equal(verdict, { acknowledged: 5, lost: [], twice: [], outOfOrder: [], strange: [], refused: {} });
  assert.ok(isKept(verdict));
});

test('a lost one', () => {
  const verdict = judge(wellDone().filter((line) => !isShown(4)(line)));
  assert.equal(verdict.lost, ['ada to grace: 4 id4']);
  assert.not(isKept(verdict));
});

test('one that was lost and never acknowledged is no loss', () => {
  const verdict = judge(wellDone().filter((line) => line.what === 'asked' || line.n !== 4));
  assert.is(verdict.acknowledged, 4);
  assert.ok(isKept(verdict));
});

test('one that was only forwarded promises nothing', () => {
  const lines = wellDone()
    .filter((line) => !isShown(4)(line))
    .map((line) => (line.what === 'sent' && line.n === 4 ? { ...line, status: 'forwarded' } : line));
  assert.ok(isKept(judge(lines)));
});

test('a doubled one', () => {
  const lines = wellDone();
  const verdict = judge([...lines, { ...shownOf(lines, 2), number: 6 } as Line]);
  assert.equal(verdict.twice, ['ada to grace: 2 id2']);
  assert.equal(verdict.outOfOrder, []);
  assert.not(isKept(verdict));
});

test('a swapped pair', () => {
  const lines = wellDone();
  const [third, fourth] = [shownOf(lines, 3), shownOf(lines, 4)];
  const swapped = lines.map((line) => (line === third ? fourth : line === fourth ? third : line));
  // Then 4 is shown before it is asked, too.
  const verdict = judge([...lines.filter(({ what }) => what === 'asked'), ...swapped]);
  assert.equal(verdict.outOfOrder, ['ada to grace: 3 id3']);
  assert.equal([verdict.lost, verdict.twice, verdict.strange], [[], [], []]);
  assert.not(isKept(verdict));
});

test('what was shown to somebody else is lost', () => {
  const lines = wellDone().map((line) => (isShown(5)(line) ? ({ ...line, to: 'eve' } as Line) : line));
  assert.equal(judge(lines).lost, ['ada to grace: 5 id5']);
});

test('another content, and a message that nobody sent', () => {
  const lines = wellDone().map((line) => (isShown(1)(line) ? ({ ...line, isWhole: false } as Line) : line));
  const forged: Line = { ...(shownOf(lines, 5) as Line & { what: 'shown' }), n: 6, id: 'id6' };
  const verdict = judge([...lines, forged]);
  assert.equal(verdict.strange, ['ada to grace: 1 id1', 'ada to grace: 6 id6']);
  assert.not(isKept(verdict));
});

test('nothing said is no proof', () => {
  assert.not(isKept(judge([])));
});

test('evidence is on disk as it was written', async () => {
  const path = join(temporaryFolder(), 'evidence');
  assert.equal(readEvidence(path), []);
  const evidence = new Evidence(path);
  const lines = wellDone();
  await Promise.all(lines.map((line) => evidence.write(line)));
  evidence.close();
  assert.equal(readEvidence(path), lines);
  appendFileSync(path, 'not a line');
  assert.throws(() => readEvidence(path));
});

test.run();
