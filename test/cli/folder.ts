/** Data folders with a store in them, and the operator's commands run on them as real processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import type { LocalStore } from '../../src/store/rules.ts';
import { openSqlite, STORE_FILE } from '../../src/store/sqlite.ts';
import { eventually, runMain, temporaryFolder } from '../harness.ts';
import { bind, connect, connection, invite, message, NOW } from '../store/samples.ts';

const SERVING = fileURLToPath(import.meta.resolve('../store/child.ts'));

export class DataFolder {
  readonly path = temporaryFolder();
  readonly store = join(this.path, STORE_FILE);

  /** Works with the store in this process, and lets go of it. */
  async inStore<T>(work: (store: LocalStore) => Promise<T>): Promise<T> {
    const store = openSqlite(this.store, { fatal: (line) => assert.unreachable(line) });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  /** ann, bob and cy; ann in a connection with each; five messages wait for bob, one for cy; bob has an invite. */
  async fill(): Promise<void> {
    writeFileSync(join(this.path, 'log-key'), `${'ab'.repeat(32)}\n`);
    await this.inStore(async (store) => {
      await bind(store, 'ann', 'bob', 'cy');
      await connect(store, connection('c1', 'ann', 'bob'));
      await connect(store, connection('c2', 'ann', 'cy'));
      await store.addInvite(invite('BOBBOB', { userKey: 'bob', userId: 'pk-bob' }), NOW);
      const more = (seq: number) => ({ content: `secret ${seq}`, takenAt: NOW + seq * 60_000 });
      await store.putMessages([1, 2, 3, 4, 5].map((seq) => message(seq, 'bob', 'ann', more(seq))));
      await store.putMessages([message(6, 'cy', 'ann', more(6))]);
    });
  }

  /** Runs a command to its end. */
  run(...args: string[]) {
    return runMain(args, { DATA_DIR: this.path });
  }

  /** Expects a refusal: this exit code, one line, nothing else. */
  async refused(code: number, reason: RegExp, ...args: string[]): Promise<void> {
    const ended = await this.run(...args);
    assert.is(ended.code, code, ended.stderr);
    assert.match(ended.stderr, /^magi-exchange: [^\n]+\n$/);
    assert.match(ended.stderr, reason);
    assert.is(ended.stdout, '');
  }

  /** Expects success; returns the lines that were printed. */
  async done(...args: string[]): Promise<string[]> {
    const ended = await this.run(...args);
    assert.is(ended.code, 0, ended.stderr);
    assert.is(ended.stderr, '');
    return ended.stdout.trimEnd().split('\n');
  }

  /** Runs `work` while another process serves from the store and writes to it all the time. */
  async whileServing(work: () => Promise<void>): Promise<void> {
    const child: ChildProcess = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', SERVING, 'write', this.store],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const ended = once(child, 'exit');
    try {
      assert.ok(child.stdout);
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (said.length < 1_000) said += text;
      });
      await eventually(() => said.includes('put '), 'the other process to keep a message');
      await work();
      assert.is(child.exitCode, null, 'it goes on');
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  }
}
