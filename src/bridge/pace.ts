/**
 * Two assistants that go back and forth without their owners are paused: more than 20 times in 10 minutes, then nothing leaves for that
 * friend until the owner acts. One value for each friend; time is an argument, and whoever holds the value may put it on disk (a pause
 * has to outlive the process).
 */

export const RETURNS_MAX = 20;
export const WINDOW_MS = 10 * 60_000;

export interface Pace {
  readonly last: 'arrived' | 'left' | 'nothing';
  /** When something left in return for something that arrived, oldest first: at most RETURNS_MAX, the newest. */
  readonly returns: readonly number[];
  readonly isPaused: boolean;
}

export const UNHURRIED: Pace = { last: 'nothing', returns: [], isPaused: false };

/** A question or an answer of the friend arrived. It is kept also while the pair is paused; then it wakes nobody. */
export function arrived(pace: Pace): Pace {
  return { ...pace, last: 'arrived' };
}

/**
 * Something is about to leave that no owner has confirmed. `go`: it may, and is counted; `pause`: this would be one too many, it must not
 * leave, and both owners are to be told, once; `paused`: it must not leave. `now` in milliseconds; a clock that was set back forgives nothing.
 */
export function leaving(pace: Pace, now: number): { readonly pace: Pace; readonly verdict: 'go' | 'pause' | 'paused' } {
  if (pace.isPaused) return { pace, verdict: 'paused' };
  if (pace.last !== 'arrived') return { pace: { ...pace, last: 'left' }, verdict: 'go' };
  const recent = pace.returns.filter((at) => now - at < WINDOW_MS);
  if (recent.length >= RETURNS_MAX) return { pace: { ...pace, isPaused: true }, verdict: 'pause' };
  return { pace: { last: 'left', returns: [...recent, now], isPaused: false }, verdict: 'go' };
}

/** The owner confirmed, approved or typed something for this friend: the count begins again, and a pause is over. */
export function ownerActed(pace: Pace): Pace {
  return { ...UNHURRIED, last: pace.last };
}

/** For our owner, and (at most 200 characters, as the reason of a refusal) for the friend's. */
export const PAUSED_HERE =
  'Paused: the two assistants went back and forth more than 20 times in 10 minutes without their owners. Nothing leaves for this friend until you act.';
export const PAUSED_THERE =
  'Paused: our assistants went back and forth more than 20 times in 10 minutes. My owner has to look first.';
