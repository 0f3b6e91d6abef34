/** What each assistant wants to have written where, so that it starts the bridge and can be woken. */
import { posix, win32 } from 'node:path';
import {
  addItem,
  type Change,
  type Edited,
  find,
  type Path,
  removeItem,
  removeMember,
  replaceNode,
  setMember,
} from './json-edit.ts';
import { meaningOf, type Node } from './json-text.ts';
import { type Launch, shellLine } from './launch.ts';
import { removeBlock, setBlock } from './toml-text.ts';

export const ASSISTANTS = ['claude', 'cursor', 'vscode', 'codex'] as const;
export type AssistantName = (typeof ASSISTANTS)[number];

/** How the server is called there; Claude Code shows it in the tag of a channel's events. */
export const ENTRY = 'magi-exchange';

/** The machine and what its owner has chosen. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's own folder. */
  readonly user: string;
  /** The folder of a project, if it is only for this. */
  readonly project: string | undefined;
  readonly launch: Launch;
  /** What every command is told besides, such as where the person's folder is. */
  readonly options: readonly string[];
  /** How long the hook of an idle session waits, in seconds. */
  readonly hookSeconds: number;
}

/** One file, and what becomes of its text. */
export interface Part {
  readonly path: string;
  /** Throws BadText. */
  readonly set: (text: string) => Edited;
  /** Removes what `set` has written, now or earlier, and nothing else. Throws BadText. */
  readonly unset: (text: string) => Edited;
}

export interface Assistant {
  /** As its owner knows it. */
  readonly title: string;
  readonly parts: (around: Surroundings) => readonly Part[];
  /** What is left to do by hand. */
  readonly next: readonly string[];
}

const RESTART = 'Start it anew, so that it reads this.';

export const OF: Readonly<Record<AssistantName, Assistant>> = {
  claude: {
    title: 'Claude Code',
    parts: (around) => {
      const { env, user, project } = around;
      const { join } = pathsOf(around);
      const own = env.CLAUDE_CONFIG_DIR || undefined;
      const servers = project === undefined ? join(own ?? user, '.claude.json') : join(project, '.mcp.json');
      const settings =
        project === undefined
          ? join(own ?? join(user, '.claude'), 'settings.json')
          : join(project, '.claude', 'settings.local.json');
      return [jsonPart(servers, 'mcpServers', serverOf(around, true)), hooksPart(settings, around)];
    },
    next: [
      `${RESTART} A question wakes an idle session by the Stop hook, once a first turn has ended.`,
      'It can also come as an event of a channel, at once and in the middle of a turn; while Anthropic calls channels a preview, start with:',
      `  claude --dangerously-load-development-channels server:${ENTRY}`,
    ],
  },
  cursor: {
    title: 'Cursor',
    parts: (around) => [
      jsonPart(
        pathsOf(around).join(around.project ?? around.user, '.cursor', 'mcp.json'),
        'mcpServers',
        serverOf(around, false),
      ),
    ],
    next: [
      `${RESTART} In its settings, under MCP, ${ENTRY} has to be switched on.`,
      'Nothing wakes it while it is idle: what waits is told under the next result, or say "wait for questions with magi_inbox".',
    ],
  },
  vscode: {
    title: 'VS Code',
    parts: (around) => [jsonPart(vscodeFile(around), 'servers', serverOf(around, true))],
    next: [
      `${RESTART} Or run the command "MCP: List Servers", and start ${ENTRY} there.`,
      'Nothing wakes it while it is idle: what waits is told under the next result, or say "wait for questions with magi_inbox".',
    ],
  },
  codex: {
    title: 'Codex',
    parts: (around) => {
      const { join } = pathsOf(around);
      const own = around.env.CODEX_HOME || join(around.user, '.codex');
      return [
        tomlPart(join(around.project === undefined ? own : join(around.project, '.codex'), 'config.toml'), around),
      ];
    },
    next: [
      RESTART,
      'Nothing wakes it while it is idle: what waits is told under the next result, or say "wait for questions with magi_inbox".',
    ],
  },
};

function pathsOf({ platform }: Surroundings) {
  return platform === 'win32' ? win32 : posix;
}

function vscodeFile(around: Surroundings): string {
  const { platform, env, user, project } = around;
  const { join } = pathsOf(around);
  if (project !== undefined) return join(project, '.vscode', 'mcp.json');
  if (platform === 'darwin') return join(user, 'Library', 'Application Support', 'Code', 'User', 'mcp.json');
  if (platform === 'win32') return join(env.APPDATA || join(user, 'AppData', 'Roaming'), 'Code', 'User', 'mcp.json');
  return join(env.XDG_CONFIG_HOME || join(user, '.config'), 'Code', 'User', 'mcp.json');
}

/** The program with this subcommand. */
function wordsOf({ launch, options }: Surroundings, ...command: string[]): [string, ...string[]] {
  return [...launch, ...command, ...options];
}

function serverOf(around: Surroundings, hasType: boolean): Record<string, unknown> {
  const [command, ...args] = wordsOf(around, 'bridge');
  return { ...(hasType ? { type: 'stdio' } : {}), command, args };
}

function jsonPart(path: string, servers: string, entry: Record<string, unknown>): Part {
  return {
    path,
    set: (text) => setMember(text, [servers, ENTRY], entry),
    unset: (text) => removeMember(text, [servers, ENTRY]),
  };
}

// --- Claude Code's hooks -----------------------------------------------------------------------------------------------------

/** By this, and not by where the program was, what setup has written is found again. */
const OWN_HOOK = /\swait --hook (stop|start)(\s|$)/;

function hooksPart(path: string, around: Surroundings): Part {
  const { platform, hookSeconds } = around;
  const line = (kind: string) => shellLine(wordsOf(around, 'wait', '--hook', kind), platform);
  const hooks: Readonly<Record<string, Record<string, unknown>>> = {
    Stop: { type: 'command', command: line('stop'), async: true, asyncRewake: true, timeout: hookSeconds },
    SessionStart: { type: 'command', command: line('start') },
  };
  return {
    path,
    set: (text) => inTurn(text, Object.entries(hooks), (at, [event, hook]) => setHook(at, event, hook)),
    unset: (text) => inTurn(text, Object.keys(hooks), (at, event) => removeHooks(at, event)),
  };
}

function setHook(text: string, event: string, hook: Record<string, unknown>): Edited {
  const old = ownHook(text, event);
  if (old === undefined) return addItem(text, ['hooks', event], { hooks: [hook] });
  const node = old.group.elements[old.index]?.value as Node;
  if (JSON.stringify(meaningOf(node)) === JSON.stringify(hook)) return { text, changes: [], made: [] };
  return replaceNode(text, node, hook);
}

function removeHooks(text: string, event: string): Edited {
  const changes: Change[] = [];
  for (;;) {
    const old = ownHook(text, event);
    if (old === undefined) return { text, changes, made: [] };
    const isAlone = old.group.elements.length === 1;
    const edited = isAlone ? removeItem(text, old.groups, old.groupIndex) : removeItem(text, old.group, old.index);
    changes.push(...edited.changes);
    text = edited.text;
  }
}

type List = Extract<Node, { kind: 'array' }>;

/** The first hook that was written by setup: in which group of which list it is. */
function ownHook(text: string, event: string) {
  const groups = find(text, ['hooks', event]);
  if (groups?.kind !== 'array') return undefined;
  for (const [groupIndex, { value }] of groups.elements.entries()) {
    const group = value.kind === 'object' ? value.elements.find(({ key }) => key === 'hooks')?.value : undefined;
    if (group?.kind !== 'array') continue;
    const index = group.elements.findIndex((item) => {
      const { command } = (meaningOf(item.value) ?? {}) as { command?: unknown };
      return typeof command === 'string' && OWN_HOOK.test(command);
    });
    if (index >= 0) return { groups: groups as List, groupIndex, group: group as List, index };
  }
  return undefined;
}

/** One change after the other. */
function inTurn<T>(text: string, each: readonly T[], change: (text: string, one: T) => Edited): Edited {
  const changes: Change[] = [];
  const made: Path[] = [];
  for (const one of each) {
    const edited = change(text, one);
    text = edited.text;
    changes.push(...edited.changes);
    made.push(...edited.made);
  }
  return { text, changes, made };
}

// --- Codex -------------------------------------------------------------------------------------------------------------------

/** Codex ends calls after a minute: an inbox that waits for an hour needs more. Its start may be the first of the day. */
const CODEX_SECONDS = { startup_timeout_sec: 30, tool_timeout_sec: 3_660 };

function tomlPart(path: string, around: Surroundings): Part {
  const [command, ...args] = wordsOf(around, 'bridge');
  const table = ['mcp_servers', ENTRY];
  const lines = [
    `[${table.join('.')}]`,
    `command = ${tomlText(command)}`,
    `args = [${args.map(tomlText).join(', ')}]`,
    ...Object.entries(CODEX_SECONDS).map(([name, seconds]) => `${name} = ${seconds}`),
  ];
  return { path, set: (text) => setBlock(text, table, lines), unset: (text) => removeBlock(text, table) };
}

/** What JSON writes between double quotes means the same in TOML, but for U+007F, which it wants escaped. */
function tomlText(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}
