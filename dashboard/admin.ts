/** The operator's way in: a password for a token, the token for the log. The password is kept nowhere. */
import { part, say } from './dom.ts';
import { readEvents } from './events.ts';
import { retryMs } from './live.ts';
import { createLog, type Entry } from './log.ts';
import { span } from './words.ts';

/** sessionStorage ends with the tab, and other tabs do not see it. */
const TOKEN = 'magi-admin-token';

const form = part('login', HTMLFormElement);
const password = part('password', HTMLInputElement);
const button = part('login-button', HTMLButtonElement);
const error = part('login-error');
const panel = part('panel');
const note = part('log-note');
const introduction = note.textContent ?? '';

const log = createLog();
let stream: AbortController | undefined;

/** Opens the log if this tab has a token already. */
export function startAdmin(): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void logIn();
  });
  part('logout').addEventListener('click', () => {
    showLogin('');
    password.focus();
  });
  if (sessionStorage.getItem(TOKEN) !== null) showLog();
}

/** The exchange is back after having been away: whatever stream there was is dead, even if nobody has noticed. */
export function followAgain(): void {
  if (stream !== undefined) void follow();
}

async function logIn(): Promise<void> {
  button.disabled = true;
  say(error, '');
  try {
    const response = await fetch(new URL('api/admin/verify', location.href), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ password: password.value }),
    });
    if (!response.ok) {
      say(error, await refusal(response));
      password.select();
      return;
    }
    const { token } = (await response.json()) as { token: string };
    sessionStorage.setItem(TOKEN, token);
    showLog();
    part('log').scrollIntoView();
    part('log-title').focus();
  } catch {
    say(error, 'The exchange does not answer. Try again in a moment.');
  } finally {
    button.disabled = false;
  }
}

async function refusal(response: Response): Promise<string> {
  const seconds = Number(response.headers.get('Retry-After'));
  if (response.status === 429 && seconds > 0) return `Too many wrong passwords. Try again in ${span(seconds * 1_000)}.`;
  // The exchange's own sentence says what to do; a proxy in front of it may have none.
  const body = (await response.json().catch(() => ({}))) as { error?: unknown };
  return typeof body.error === 'string' ? body.error : `The exchange answered ${response.status}.`;
}

function showLog(): void {
  form.reset();
  form.hidden = true;
  panel.hidden = false;
  log.clear();
  void follow();
}

function showLogin(why: string): void {
  stream?.abort();
  stream = undefined;
  sessionStorage.removeItem(TOKEN);
  log.clear();
  panel.hidden = true;
  form.hidden = false;
  say(note, introduction);
  say(error, why);
}

/** Reads the log until it is told to stop; a stream that ends is opened again. */
async function follow(): Promise<void> {
  stream?.abort();
  const mine = new AbortController();
  stream = mine;
  for (let failures = 0; !mine.signal.aborted; failures++) {
    say(note, 'Opening the log…');
    try {
      const response = await fetch(new URL('api/admin/logs?level=debug', location.href), {
        headers: { Accept: 'text/event-stream', Authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ''}` },
        signal: mine.signal,
      });
      if (response.status === 401) {
        showLogin('The log was closed, since its session is over. Log in again.');
        return;
      }
      if (!response.ok || response.body === null) throw new Error(`the exchange answered ${response.status}`);
      failures = 0;
      say(note, 'Live, newest last.');
      log.streamStarts();
      await readEvents(response.body, (data, name) => {
        if (name === 'skipped') say(note, `Live, newest last. So busy that ${data} entries were not sent.`);
        else log.add(JSON.parse(data) as Entry, data);
      });
    } catch {
      // Cut off, or refused for a reason that may pass: either way the next step is the same.
    }
    if (mine.signal.aborted) return;
    say(note, 'Cut off from the log. Trying again…');
    await new Promise((resolve) => setTimeout(resolve, retryMs(failures)));
  }
}
