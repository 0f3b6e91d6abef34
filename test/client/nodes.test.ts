/**
 * The client runs on the Nodes that people have: every test that starts processes of a client starts them on each Node of MAGI_NODES, too.
 * Here is only looked whether they are what they should be.
 */
import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { NODES } from './assistants.ts';

const test = suite('the Nodes of the client');
const TITLE = 'Node 24 and 26 run the client beside the one that runs the tests';

test('the Node that runs the tests is one of them', () => {
  assert.match(process.versions.node, /^(22|24|26)\./);
});

if (NODES.length === 1) {
  console.log(
    'skipped the client on other Nodes: set MAGI_NODES to the paths of a Node 24 and a Node 26, with a colon between',
  );
  test.skip(TITLE);
} else
  test(TITLE, () => {
    const versions = NODES.map((node) => spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout);
    assert.equal(versions.map((version) => /^v(\d+)\./.exec(version)?.[1]).slice(1), ['24', '26'], versions.join(''));
  });

test.run();
