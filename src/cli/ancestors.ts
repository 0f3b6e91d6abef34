/** The processes above this one: when one of them has ended, the assistant that started this is gone, and nobody would hear it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The shell, what npx puts in between, the assistant; not the whole way up to a terminal that may well be closed. */
const ANCESTORS_MAX = 4;

/** The nearest first; none on Windows. */
export function ancestors(): number[] {
  if (process.platform === 'win32') return [];
  const found: number[] = [];
  for (let pid = process.ppid; pid > 1 && found.length < ANCESTORS_MAX; pid = parentOf(pid)) found.push(pid);
  return found;
}

export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** 0 if it cannot be found out. */
function parentOf(pid: number): number {
  try {
    // After the name, which stands in parentheses and may hold some: the state, then the parent.
    if (process.platform === 'linux')
      return Number(/.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? 0);
    return Number(execFileSync('ps', ['-o', 'ppid=', '-p', `${pid}`], { encoding: 'utf8' }).trim()) || 0;
  } catch {
    return 0;
  }
}
