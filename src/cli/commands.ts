/** The commands of a person, in one table: what each takes, what it is for, and where it is. Each is loaded when it is asked for. */
import type { Call, Options } from './call.ts';
import type { ExitCode } from './exit.ts';

export interface Command {
  /** Its words, as the help shows them. */
  readonly words: string;
  /** How many words it takes, at least and at most. */
  readonly count: readonly [min: number, max: number];
  readonly summary: string;
  readonly options?: Options;
  /** Further lines of its help. */
  readonly more?: readonly string[];
  readonly run: (call: Call) => Promise<ExitCode>;
}

const TEXT_MORE = ['Put quotes around TEXT. - reads it from standard input.'];
const OWNER = 'Only in a terminal: no program can do it for you.';

export const COMMANDS: Readonly<Record<string, Command>> = {
  invite: {
    words: '',
    count: [0, 0],
    summary: 'makes a code for a friend, and the line to send them',
    options: { wait: { type: 'boolean', meaning: 'stay until it is used, and show who used it' } },
    run: async (call) => (await import('./invite.ts')).invite(call),
  },
  connect: {
    words: 'CODE',
    count: [1, 3],
    summary: "uses a friend's code: you are connected for good",
    options: { from: { type: 'string', takes: 'NAME', meaning: "use the code only if it is this person's" } },
    run: async (call) => (await import('./connect.ts')).connect(call),
  },
  ask: {
    words: 'FRIEND TEXT',
    count: [2, 2],
    summary: 'asks, waits for the answer and prints it',
    options: {
      timeout: {
        type: 'string',
        short: 't',
        takes: 'SECONDS',
        meaning: 'how long to wait; the answer then comes to the inbox',
      },
      'no-wait': { type: 'boolean', meaning: 'do not wait: the answer comes to the inbox' },
    },
    more: [
      ...TEXT_MORE,
      'FRIEND is a username or a local name, or a part that only one friend has.',
      'Ctrl-C stops the waiting, not the question.',
    ],
    run: async (call) => (await import('./ask.ts')).ask(call),
  },
  inbox: {
    words: '[NUMBER]',
    count: [0, 1],
    summary: 'what friends asked and answered; NUMBER: all of it',
    options: {
      all: { type: 'boolean', short: 'a', meaning: 'also what has been read, answered or declined' },
      number: { type: 'string', short: 'n', takes: 'N', meaning: 'how many, the newest (20)' },
      follow: { type: 'boolean', short: 'f', meaning: 'stay, and print what arrives' },
    },
    more: [
      'What is shown counts as read. A question of a friend on hold is shown in a',
      'terminal only.',
      'In a pipe, one line each, with tabs: number, kind, state, from, time, text.',
    ],
    run: async (call) => (await import('./inbox.ts')).inbox(call),
  },
  answer: {
    words: 'NUMBER TEXT',
    count: [2, 2],
    summary: 'answers a question of the inbox',
    options: { take: { type: 'boolean', meaning: 'also when an assistant of yours is answering it' } },
    more: TEXT_MORE,
    run: async (call) => (await import('./answer.ts')).answer(call),
  },
  decline: {
    words: 'NUMBER [REASON]',
    count: [1, 2],
    summary: 'says that there will be no answer',
    options: { take: { type: 'boolean', meaning: 'also when an assistant of yours is answering it' } },
    run: async (call) => (await import('./answer.ts')).decline(call),
  },
  friends: {
    words: '',
    count: [0, 0],
    summary: 'who they are, here or away, their policies and keys',
    run: async (call) => (await import('./friends.ts')).friends(call),
  },
  disconnect: {
    words: 'FRIEND',
    count: [1, 1],
    summary: 'ends the connection, with what waits for them',
    options: { yes: { type: 'boolean', short: 'y', meaning: 'do not ask' } },
    run: async (call) => (await import('./friends.ts')).disconnect(call),
  },
  status: {
    words: '',
    count: [0, 0],
    summary: 'who you are, who is here, what waits',
    run: async (call) => (await import('./status.ts')).status(call),
  },
  wait: {
    words: '',
    count: [0, 0],
    summary: 'until something waits for you: then exit code 2',
    options: {
      timeout: { type: 'string', short: 't', takes: 'SECONDS', meaning: 'at most so long; then exit code 0' },
      again: { type: 'boolean', meaning: 'also what was told before (always so in a terminal)' },
      hook: {
        type: 'string',
        takes: 'stop|start',
        meaning: 'as a hook of an assistant, which setup writes',
      },
    },
    more: [
      'For scripts; setup writes the hooks of Claude Code. It tells on',
      'standard error who asked or answered, not what. Each thing is told once, and',
      'again after 10 minutes, 20, 40 … if it still waits. Questions of friends on',
      'hold or mute, and those whose answer waits for your approval, wake nobody.',
    ],
    run: async (call) => (await import('./wait.ts')).wait(call),
  },
  policy: {
    words: 'FRIEND [ask|auto|hold|mute]',
    count: [1, 2],
    summary: "what a friend's questions may do",
    more: [
      'hold   shown to no assistant, until you have looked at name and key (at first)',
      'ask    shown to your assistant; what it says to them needs your word',
      'auto   your assistant answers by itself, from whatever it can read',
      'mute   shown to nobody, and nobody is woken',
      OWNER,
    ],
    run: async (call) => (await import('./policy.ts')).policy(call),
  },
  trust: {
    words: 'FRIEND',
    count: [1, 1],
    summary: "accepts a friend's changed key, after showing both",
    more: [OWNER],
    run: async (call) => (await import('./policy.ts')).trust(call),
  },
  approve: {
    words: '[NUMBER]',
    count: [0, 1],
    summary: 'what your assistant wants to send: lists, or sends',
    more: [OWNER],
    run: async (call) => (await import('./drafts.ts')).approve(call),
  },
  discard: {
    words: 'NUMBER',
    count: [1, 1],
    summary: 'forgets a draft',
    run: async (call) => (await import('./drafts.ts')).discard(call),
  },
  identity: {
    words: '[export|import FILE]',
    count: [0, 2],
    summary: 'your key: shown, or moved to another machine',
    options: {
      'passphrase-file': { type: 'string', takes: 'FILE', meaning: 'holds the passphrase, in its first line' },
    },
    more: [
      'The file holds the key, the server and your name, locked with a passphrase;',
      'not your messages. Whoever has file and passphrase can speak in your name.',
      'In a terminal, where the passphrase is asked for; or with --passphrase-file.',
    ],
    run: async (call) => (await import('./identity.ts')).identity(call),
  },
  leave: {
    words: '',
    count: [0, 0],
    summary: 'the exchange forgets you, and your folder is removed',
    more: [OWNER],
    run: async (call) => (await import('./leave.ts')).leave(call),
  },
  setup: {
    words: 'claude|cursor|vscode|codex',
    count: [1, 1],
    summary: 'configures your assistant, after showing the change',
    options: {
      name: { type: 'string', takes: 'NAME', meaning: 'who you are there, as --username' },
      project: { type: 'boolean', meaning: 'only for the project in this folder' },
      remove: { type: 'boolean', meaning: 'take out again what setup has written' },
      yes: { type: 'boolean', short: 'y', meaning: 'do not ask' },
    },
    more: [
      'It shows each change, asks, keeps what the file was beside it, and looks at every link. Several assistants share your folder.',
      'With --remove your name, key and messages stay; leave removes them.',
    ],
    run: async (call) => (await import('./setup.ts')).setUp(call),
  },
  doctor: {
    words: '',
    count: [0, 0],
    summary: 'looks at every link and says what to do',
    options: {
      wake: { type: 'boolean', meaning: 'try whether your assistant can be woken, and by what' },
      timeout: { type: 'string', short: 't', takes: 'SECONDS', meaning: 'with --wake: how long to try (120)' },
    },
    run: async (call) => (await import('./doctor.ts')).doctor(call),
  },
};
