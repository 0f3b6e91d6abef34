/** The one file, on this Node and on others. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ROOT, suite, temporaryFolder } from '../harness.ts';
import { otherNodes } from '../nodes.ts';
import { addFormTests, assertOneLine, runAlone } from './form.ts';

const test = suite('one file');
const file = join(temporaryFolder(), 'magi-exchange.mjs');

test.before(() => copyFileSync(join(ROOT, 'dist/magi-exchange.mjs'), file));

addFormTests(test, () => [process.execPath, file]);

test('it is ASCII throughout, which is read faster', () => {
  assert.is(
    readFileSync(file).findIndex((byte) => byte > 0x7f),
    -1,
  );
});

/** The real Node, told to call itself something else. */
function pretending(node: string, modules: string): string[] {
  const pretender = join(temporaryFolder(), 'pretend.cjs');
  const versions = `{ ...process.versions, node: '${node}', modules: '${modules}' }`;
  writeFileSync(pretender, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
  return [process.execPath, '--require', pretender, file];
}

const OPERATORS_COMMANDS = [[], ['serve'], ['users'], ['mailboxes'], ['backup', 'copy'], ['ban', 'ada']];

test('a Node that is too old is told so in one line, whatever is asked', () => {
  for (const [node, modules] of [
    ['18.20.8', '108'],
    ['20.0.0', '115'],
    ['22.12.0', '127'],
  ] as const)
    for (const args of [...OPERATORS_COMMANDS, ['--version'], ['demo'], ['nonsense']])
      assertOneLine(
        runAlone([...pretending(node, modules), ...args]),
        78,
        new RegExp(`this is Node ${node.replaceAll('.', '\\.')}, .* needs Node 22`),
      );
  assert.is(runAlone([...pretending('22.13.0', '127'), '--version']).status, 0);
});

test('a Node that the native parts are not for runs what needs none of them', () => {
  for (const [node, modules] of [
    ['23.5.0', '131'],
    ['24.21.0', '137'],
  ] as const) {
    const [program, home] = [pretending(node, modules), temporaryFolder()];
    for (const args of OPERATORS_COMMANDS)
      assertOneLine(
        runAlone([...program, ...args], { HOME: home }),
        78,
        /Node 2\d\.\d+\.0, and the exchange needs Node 22/,
      );
    assert.equal(readdirSync(home), [], 'nothing is unpacked');
    assert.is(runAlone([...program, '--version']).stderr, '');
  }
});

for (const { version, path } of otherNodes(test))
  test(`runs on Node ${version} what needs no native part, and refuses the rest in one line`, () => {
    const home = temporaryFolder();
    for (const args of OPERATORS_COMMANDS)
      assertOneLine(
        runAlone([path, file, ...args], { HOME: home }),
        78,
        new RegExp(`this is Node ${version}, .* Node 22`),
      );
    assert.equal(readdirSync(home), []);
    assert.equal(runAlone([path, file, '--version']), runAlone([process.execPath, file, '--version']));
    assert.equal(runAlone([path, file, '--help']), runAlone([process.execPath, file, '--help']));
    assertOneLine(runAlone([path, file, 'demo', 'ws://127.0.0.1:1']), 1, /No exchange answers/);
  });

test.run();
