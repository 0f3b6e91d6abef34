/** The processes of one user that share a folder: what each client in them is called, and whether it is still there. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

const HERE = hostname();
const alive = new Set<string>();

/** The name of a client of this process: the process's number, something that no later one with the same number has, the machine. */
export function enter(): string {
  const name = `${process.pid}.${randomBytes(6).toString('base64url')}@${HERE}`;
  alive.add(name);
  return name;
}

export function leave(name: string): void {
  alive.delete(name);
}

/**
 * Whether the client with this name has certainly ended. False for one of another machine (or container), and for a process whose number
 * another one was given since: whoever asks must not rely on it alone.
 */
export function isGone(name: string): boolean {
  const pid = Number.parseInt(name, 10);
  if (!(pid > 0) || !name.endsWith(`@${HERE}`)) return false;
  if (pid === process.pid) return !alive.has(name);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
