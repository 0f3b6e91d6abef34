/**
 * One call of a tool, from what the assistant wants to what it is told. A call that needs its owner is made twice: what the owner was
 * shown is kept here in between, and the second call carries only its name, sealed.
 */
import type { CallToolResult, InputRequiredResult, McpServer, ServerContext } from '@modelcontextprotocol/server';
import { MagiError } from '../client/errors.ts';
import { called } from '../client/friend-names.ts';
import type { Friend } from '../client/friends.ts';
import { wakeSentence } from '../client/wakes.ts';
import { visible, visibleName } from '../protocol/visible.ts';
import type { Bridge, Gate, Waiting } from './bridge.ts';
import { hasToBeTold, type Reason, sentenceOf } from './decision.ts';
import { askOwner, hasAgreed, type Pending, takePending, wayToAsk } from './owner.ts';
import { refused, type Said } from './said.ts';
import { WAIT_SECONDS } from './schemas.ts';

/** Characters. The exchange's own sentences are shorter. */
const FOREIGN_MAX = 300;

type Outcome = Said | InputRequiredResult;

/** Gives the bridge, or rejects with MagiError while settings, folder or disk do not allow it. */
export type GetBridge = () => Promise<Bridge>;

export class Calls {
  readonly #mcp: McpServer;
  readonly #getBridge: GetBridge;

  constructor(mcp: McpServer, getBridge: GetBridge) {
    this.#mcp = mcp;
    this.#getBridge = getBridge;
  }

  /** What a handler throws would be shown to the model as it is: here it becomes a sentence of ours. */
  async run(
    context: ServerContext,
    work: (call: Call) => Promise<Outcome>,
  ): Promise<CallToolResult | InputRequiredResult> {
    let bridge: Bridge | undefined;
    let said: Said;
    try {
      bridge = await this.#getBridge();
      const call = new Call(this.#mcp, context, bridge);
      const outcome = (await call.decided()) ?? (await work(call));
      if (!isSaid(outcome)) return outcome;
      said = outcome;
    } catch (error) {
      said = refused(sentenceFor(error), error instanceof MagiError ? { code: codeOf(error) } : {});
    }
    const { lines, waiting } = bottomOf(bridge);
    return {
      content: [{ type: 'text', text: [said.text, ...lines].join('\n\n') }],
      structuredContent: { ...said.data, ...waiting },
      ...(said.isError === true ? { isError: true } : {}),
    };
  }
}

/** One call of a tool. */
export class Call {
  readonly bridge: Bridge;
  readonly #mcp: McpServer;
  readonly #context: ServerContext;

  constructor(mcp: McpServer, context: ServerContext, bridge: Bridge) {
    this.bridge = bridge;
    this.#mcp = mcp;
    this.#context = context;
  }

  /**
   * When the owner has been asked and this is the call that brings what they said: what they were shown is done or not done, whatever the
   * arguments of this second call are.
   */
  async decided(): Promise<Outcome | undefined> {
    const pending = takePending(this.#context);
    if (pending === undefined) return undefined;
    if (pending === 'used')
      return refused('What your owner says counts once, and for what they saw. Nothing was done.');
    const isAgreed = hasAgreed(this.#context);
    if (isAgreed && pending.action === 'send')
      return await this.bridge.approve(pending.draft, this.#waiting(pending.seconds));
    if (isAgreed && pending.action !== 'send') return await this.#do(pending);
    if (pending.action === 'send') await this.bridge.client.discard(pending.draft).catch(() => {});
    return refused('Your owner did not agree. Nothing was done.');
  }

  async ask(named: string | Friend, text: string, seconds: number = WAIT_SECONDS): Promise<Outcome> {
    const friend = this.bridge.client.friend(named);
    const gate = await this.bridge.ask(friend, text);
    const waiting = this.#waiting(seconds);
    if (gate.may === 'wait') return await this.bridge.waitForAnswer(gate.id, waiting);
    if (gate.may === 'ask') return await this.#show(gate, seconds);
    return await this.bridge.sendQuestion(friend, text, waiting);
  }

  async answer(named: string | Friend, text: string): Promise<Outcome> {
    const question = this.bridge.question(named);
    const gate = await this.bridge.answer(question, text);
    return gate.may === 'ask' ? await this.#show(gate, 0) : await this.bridge.sendAnswer(question, text);
  }

  async decline(named: string | Friend, reason: string): Promise<Outcome> {
    const question = this.bridge.question(named);
    const reasons = await this.bridge.reasonsToDecline(question, reason);
    if (reasons.length === 0) return await this.bridge.decline(question, reason);
    return refused(
      `${why(reasons)} Nothing was sent: decline without a reason, or leave it to your owner (magi decline in a terminal).`,
    );
  }

  async inbox(id: string | undefined, offset: number, seconds: number): Promise<Outcome> {
    if (id !== undefined) return await this.bridge.reading.one(id, offset);
    return await this.bridge.inbox(this.#waiting(seconds));
  }

  async disconnect(named: string | Friend): Promise<Outcome> {
    return await this.act({ action: 'disconnect', friend: this.bridge.client.friend(named) });
  }

  /** What carries no words, and once a stranger's text was read needs the owner, too. */
  async act(wanted: Exclude<Pending, { action: 'send' }>): Promise<Outcome> {
    const reasons = this.bridge.reasons(wanted.action);
    if (reasons.length === 0) return await this.#do(wanted);
    if (wayToAsk(this.#mcp, this.#context) === 'dialog')
      return await askOwner(`${questionFor(wanted)} ${why(reasons)}`, 'Yes', wanted);
    return refused(`${why(reasons)} Nothing was done: your owner can do it in a terminal with the magi command.`);
  }

  /** The owner has let this very call pass: that is their word, if all that they had to know is in its arguments. */
  async confirm(draft: string, friend: string, text: string): Promise<Outcome> {
    const found = this.bridge.outgoing.find(draft);
    if (found === undefined || found.to !== friend || found.content !== text)
      return refused('Nothing was sent: draft, friend and text have to be exactly what the draft holds.');
    const isAsked = wayToAsk(this.#mcp, this.#context) === 'tool';
    if (!isAsked || !isPlain(text) || hasToBeTold(await this.bridge.outgoing.reasonsFor(found)))
      return refused(`Nothing was sent. ${inTerminal(draft)}`);
    return await this.bridge.approve(draft, this.#waiting(WAIT_SECONDS));
  }

  async #show({ draft, question, reasons }: Extract<Gate, { may: 'ask' }>, seconds: number): Promise<Outcome> {
    const way = wayToAsk(this.#mcp, this.#context);
    if (way === 'dialog') return await askOwner(question, 'Send it', { action: 'send', draft, seconds });
    const how =
      way === 'tool' && isPlain(this.bridge.outgoing.find(draft)?.content) && !hasToBeTold(reasons)
        ? `Call magi_confirm with draft "${draft}", the friend's username and the whole text: your owner is asked then.`
        : inTerminal(draft);
    return {
      text: `Nothing was sent yet; it is kept as a draft. ${why(reasons)} ${how}`,
      data: { status: 'draft', draft },
    };
  }

  async #do(wanted: Exclude<Pending, { action: 'send' }>): Promise<Said> {
    if (wanted.action === 'connect') return await this.bridge.connect(wanted.code);
    if (wanted.action === 'disconnect') return await this.bridge.disconnect(wanted.friend);
    return await this.bridge.createInvite();
  }

  /** Some assistants wait on only while they hear something. */
  #waiting(seconds: number): Waiting {
    const { signal, _meta, notify } = this.#context.mcpReq;
    const progressToken = _meta?.progressToken;
    let progress = 0;
    const tick = (message: string) => {
      if (progressToken === undefined || signal.aborted) return;
      const params = { progressToken, progress: ++progress, message };
      // Who has gone does not hear it.
      notify({ method: 'notifications/progress', params }).catch(() => {});
    };
    return { milliseconds: seconds * 1000, signal, tick };
  }
}

/** What stands under every result. When the disk refuses, the result goes without it. */
function bottomOf(bridge: Bridge | undefined): { lines: string[]; waiting: Record<string, unknown> } {
  try {
    if (bridge === undefined) return { lines: [], waiting: {} };
    const { lines: unread, ...waiting } = bridge.unread();
    const word = bridge.client.wakes.take('result');
    const lines = [...unread, word === undefined ? '' : wakeSentence(word)].filter((text) => text !== '');
    return { lines, waiting: { waiting } };
  } catch {
    return { lines: [], waiting: {} };
  }
}

/** An assistant that asks about a call shows its owner the arguments as they are: nothing may hide in them. */
function isPlain(text = ''): boolean {
  return visible(text) === text;
}

function isSaid(outcome: Outcome): outcome is Said {
  return 'data' in outcome;
}

function why(reasons: readonly Reason[]): string {
  return reasons.map(sentenceOf).join(' ');
}

/** Said to a model, which may have a shell at hand. */
function inTerminal(draft: string): string {
  return `Your owner agrees in a terminal of their own: magi approve ${draft}. Tell them; do not run that yourself, it is your owner’s word.`;
}

function questionFor(wanted: Exclude<Pending, { action: 'send' }>): string {
  if (wanted.action === 'connect') return `Connect with the friend whose code is ${visibleName(wanted.code)}?`;
  if (wanted.action === 'disconnect') return `End the connection with ${called(wanted.friend)} for good?`;
  return 'Make a code with which somebody can connect with you?';
}

function sentenceFor(error: unknown): string {
  if (error instanceof MagiError)
    return error.isForeign ? `It was refused. The exchange says: ${foreign(error.message)}` : error.message;
  process.stderr.write(`magi-exchange bridge: ${error instanceof Error ? error.stack : error}\n`);
  return 'The bridge has failed here; it goes on. Nothing was sent unless magi_status says so.';
}

/** What another machine gives as its reason: to be read, in quotes, and not long enough to tell a story. */
function foreign(message: string): string {
  return JSON.stringify(visible(message.slice(0, FOREIGN_MAX).toWellFormed()));
}

function codeOf({ code }: MagiError): string {
  return /^[a-z_]{1,40}$/.test(code) ? code : 'unknown';
}
