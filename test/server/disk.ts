/** A disk of a few MiB for one process, gone with the process that asked for it, however that ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Exchange, MAIN, startExchange, temporaryFolder, within } from '../harness.ts';

export interface SmallDisk {
  /** Where it is mounted, for who enters. */
  readonly path: string;
  /** What the command of a process begins with that is to see it. */
  readonly enter: readonly string[];
  /** Starts an exchange whose DATA_DIR is the disk. */
  start(env: Record<string, string>): Promise<Exchange>;
  /** Starts an exchange whose LOG_FILE `server.log` alone is on the disk. Returns it and where the test sees that file. */
  startLogging(env: Record<string, string>): Promise<{ exchange: Exchange; file: string }>;
  /** Writes a file until not one byte more goes in. */
  fill(): void;
  /** Removes that file. */
  free(): void;
  remove(): Promise<void>;
}

/**
 * The disk is mounted in a mount namespace of its own, which a process keeps until its standard input ends; the exchange enters that
 * namespace, and the test sees it through /proc. So nothing is ever mounted where others see it. Who is not root makes a user namespace
 * for it. Throws, in a sentence, where the system allows neither.
 */
export async function smallDisk(mebibytes: number): Promise<SmallDisk> {
  if (process.platform !== 'linux')
    throw new Error('A disk that fills up is made of Linux namespaces: run this test on Linux.');
  const path = temporaryFolder();
  const isRoot = process.getuid?.() === 0;
  const mount = `mount -t tmpfs -o size=${mebibytes}m tmpfs "$0" && echo mounted && exec cat`;
  const holder = spawn('unshare', [...(isRoot ? [] : ['--map-root-user']), '--mount', 'sh', '-c', mount, path]);
  let [said, complaint] = ['', ''];
  holder.stderr.on('data', (text) => {
    complaint += text;
  });
  const ended = once(holder, 'close').catch((error: Error) => {
    complaint = error.message;
  });
  const mounted = new Promise<void>((resolve) => {
    holder.stdout.on('data', (text) => {
      said += text;
      if (said.startsWith('mounted')) resolve();
    });
  });
  const refused = ended.then(() => {
    throw new Error(
      `This test has to mount a small disk, as root or in a user namespace, and may not: ${complaint.trim()}`,
    );
  });
  await within(Promise.race([mounted, refused]), 'a small disk to be mounted');
  refused.catch(() => {});

  const enter = [
    'nsenter',
    '--target',
    String(holder.pid),
    '--mount',
    ...(isRoot ? [] : ['--user', '--preserve-credentials']),
  ];
  const filler = join(`/proc/${holder.pid}/root`, path, 'filler');
  return {
    path,
    enter,
    start: (env) => startExchange({ ...env, DATA_DIR: path }, [...enter, process.execPath, MAIN]),
    async startLogging(env) {
      const file = join(`/proc/${holder.pid}/root`, path, 'server.log');
      const LOG_FILE = join(path, 'server.log');
      const exchange = await startExchange({ ...env, LOG_FILE }, [...enter, process.execPath, MAIN], undefined, file);
      return { exchange, file };
    },
    fill: () => fill(filler),
    free: () => rmSync(filler),
    async remove() {
      holder.stdin.end();
      await ended;
      rmSync(path, { recursive: true });
    },
  };
}

function fill(file: string): void {
  const block = Buffer.alloc(64 * 1024, 'filler');
  const fd = openSync(file, 'w');
  try {
    for (let size = block.length; size > 0; )
      try {
        if (writeSync(fd, block, 0, size) < size) throw Object.assign(new Error('short'), { code: 'ENOSPC' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size >>= 1;
      }
  } finally {
    closeSync(fd);
  }
}
