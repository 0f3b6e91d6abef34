/**
 * A small exchange inside the test's own process, which speaks parts 2 and 3 of the protocol and does on demand what the real one does
 * only when it is unlucky: loses its sockets, forgets what it held, keeps silent, says things twice.
 */
import { createPublicKey, randomUUID, verify } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { usernameKey } from '../../src/protocol/names.ts';
import type { Json } from '../harness.ts';

interface User {
  readonly username: string;
  readonly nickname: string;
  readonly publicKey: string | undefined;
}

interface Held {
  readonly message: Json;
  readonly recipient: string;
  readonly sender: string;
  isQueued: boolean;
  /** Tells the sender. */
  readonly tell: (status: string) => void;
}

export class ScriptedExchange {
  readonly #server: WebSocketServer;
  readonly users = new Map<string, User>();
  readonly #sockets = new Map<WebSocket, string | undefined>();
  readonly #friends = new Map<string, Set<string>>();
  readonly #codes = new Map<string, string>();
  readonly #held = new Map<string, Held>();
  readonly #acknowledged = new Set<string>();
  #deliveries = 0;
  /** Every command so far. */
  readonly heard: Json[] = [];
  /** Commands for which this is true are not acted upon. */
  ignores: (command: Json) => boolean = () => false;
  /** What is refused, and how. */
  refuses: (command: Json) => Json | undefined = () => undefined;
  /** How often each delivery is said. */
  repeats = 1;
  isShut = false;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket) => this.#opened(socket));
  }

  static async start(): Promise<ScriptedExchange> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    return new ScriptedExchange(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The clients that are identified as this user. */
  clientsOf(username: string): WebSocket[] {
    return [...this.#sockets].filter(([, key]) => key === usernameKey(username)).map(([socket]) => socket);
  }

  heardOf(type: string): Json[] {
    return this.heard.filter((command) => command.type === type);
  }

  /** Connects the user with all of these. */
  connect(username: string, friends: readonly string[]): void {
    this.#friends.set(username, new Set([...(this.#friends.get(username) ?? []), ...friends]));
  }

  /** What a kill does: every socket is lost, and every message that is not in a mailbox. */
  crash(): void {
    for (const [name, held] of this.#held) if (!held.isQueued) this.#held.delete(name);
    this.#acknowledged.clear();
    for (const socket of this.#sockets.keys()) socket.terminate();
  }

  say(username: string, message: Json): void {
    for (const socket of this.clientsOf(username)) socket.send(JSON.stringify(message));
  }

  stop(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  #opened(socket: WebSocket): void {
    if (this.isShut) {
      socket.terminate();
      return;
    }
    const challenge = Buffer.from(randomUUID()).toString('base64url');
    this.#sockets.set(socket, undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('message', (data) => {
      const command = JSON.parse(String(data)) as Json;
      this.heard.push(command);
      if (!this.ignores(command)) this.#obey(socket, command, challenge);
    });
    socket.send(JSON.stringify({ type: 'connected', clientId: randomUUID(), version: 'scripted', challenge }));
  }

  #obey(socket: WebSocket, command: Json, challenge: string): void {
    const reply = (message: Json) => socket.send(JSON.stringify(message));
    const refuse = (code: string) =>
      void reply({ type: 'error', code, message: code, request: command.type, id: command.id });
    if (command.type === 'identify') {
      this.#identify(socket, command, challenge, reply, refuse);
      return;
    }
    const own = this.#sockets.get(socket);
    const refused = this.refuses(command);
    if (refused !== undefined) reply({ type: 'error', message: 'As told.', id: command.id, ...refused });
    else if (own === undefined) refuse('not_identified');
    else if (command.type === 'create_invite') {
      const code = randomUUID().slice(0, 6);
      this.#codes.set(code, own);
      reply({ type: 'invite_created', code, from: own, expiresIn: '30 minutes', expiresAt: Date.now() + 1_800_000 });
    } else if (command.type === 'connect') this.#connect(own, String(command.code), reply, refuse);
    else if (command.type === 'list_connections') reply({ type: 'connections', connections: this.#connections(own) });
    else if (command.type === 'disconnect') this.#disconnect(own, usernameKey(String(command.to)));
    else if (command.type === 'forget_me') reply({ type: 'forgotten' });
    else if (command.type === 'received') this.#received(own, command.deliveryIds as string[]);
    else if (command.type === 'receipt') this.#receipt(own, command);
    else if (command.type === 'ping') reply({ type: 'pong', id: command.id });
    else this.#take(own, command, reply, refuse);
  }

  #identify(
    socket: WebSocket,
    command: Json,
    challenge: string,
    reply: (message: Json) => void,
    refuse: (code: string) => undefined,
  ): undefined {
    const { username, nickname = username, publicKey, host, signature } = command as Record<string, string>;
    const key = usernameKey(username ?? '');
    const bound = this.users.get(key);
    if (bound?.publicKey !== undefined && bound.publicKey !== publicKey)
      return refuse(publicKey === undefined ? 'username_reserved' : 'bad_signature');
    if (publicKey !== undefined && !this.#isProof(publicKey, `${challenge}\n${key}\n${host}`, signature ?? '', host))
      return refuse('bad_signature');
    this.users.set(key, { username: username ?? '', nickname: nickname ?? '', publicKey });
    this.#sockets.set(socket, key);
    const pending = [...this.#held.values()].filter(({ recipient }) => recipient === key);
    const keyed = publicKey === undefined ? {} : { keyed: true, connections: this.#connections(key) };
    reply({ type: 'identified', username, nickname, clientId: randomUUID(), ...keyed, pending: pending.length });
    for (const { message } of pending) reply(message);
  }

  #isProof(publicKey: string, text: string, signature: string, host: string | undefined): boolean {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
    const bytes = Buffer.from(`magi-exchange:identify:v1\n${text}`);
    return host === new URL(this.url).host && verify(null, bytes, key, Buffer.from(signature, 'base64url'));
  }

  #connections(own: string): Json[] {
    return [...(this.#friends.get(own) ?? [])].map((key) => ({
      connectionId: [own, key].sort().join('+'),
      friend: this.users.get(key),
      online: this.clientsOf(key).length > 0,
      durable: true,
    }));
  }

  #connect(own: string, code: string, reply: (message: Json) => void, refuse: (code: string) => undefined): undefined {
    const other = this.#codes.get(code);
    if (other === undefined) return refuse('invalid_code');
    this.#codes.delete(code);
    for (const [one, two] of [[own, other] as const, [other, own] as const])
      this.#friends.set(one, (this.#friends.get(one) ?? new Set()).add(two));
    const connection = { connectionId: [own, other].sort().join('+'), durable: true };
    reply({ type: 'connected_to_friend', ...connection, friend: this.users.get(other) });
    this.say(other, { type: 'friend_connected', ...connection, friend: this.users.get(own) });
  }

  #disconnect(own: string, other: string): void {
    const connectionId = [own, other].sort().join('+');
    for (const [one, two] of [[own, other] as const, [other, own] as const]) {
      this.#friends.get(one)?.delete(two);
      this.say(one, { type: 'friend_disconnected', connectionId, friend: this.users.get(two), reason: 'left' });
    }
  }

  #receipt(own: string, { to, id, status, reason }: Json): void {
    const deliveryId = `${++this.#deliveries}`;
    const receipt = { type: 'receipt', id, from: own, status, reason, at: Date.now(), deliveryId };
    this.say(String(to), receipt);
  }

  #take(own: string, command: Json, reply: (message: Json) => void, refuse: (code: string) => undefined): undefined {
    const recipient = usernameKey(String(command.to));
    if (!this.#friends.get(own)?.has(recipient)) return refuse('no_connection');
    const { id, content, replyTo, type } = command;
    const name = `${recipient}\n${own}\n${id}`;
    const sent = type === 'ask' ? 'question_sent' : 'answer_sent';
    const tell = (status: string) => void reply({ type: sent, id, to: this.users.get(recipient)?.nickname, status });
    if (this.#acknowledged.has(name)) return tell('delivered');
    const known = this.#held.get(name);
    if (known?.isQueued) return tell('queued');
    const sender = this.users.get(own);
    const message: Json = {
      type: type === 'ask' ? 'question' : 'answer',
      content,
      from: sender?.username,
      fromNickname: sender?.nickname,
      id,
      replyTo,
      deliveryId: (known?.message.deliveryId as string | undefined) ?? `${++this.#deliveries}`,
    };
    const isQueued = this.clientsOf(recipient).length === 0;
    this.#held.set(name, { message, recipient, sender: own, isQueued, tell });
    if (isQueued) tell('queued');
    else if (known === undefined) for (let n = 0; n < this.repeats; n++) this.say(recipient, message);
  }

  #received(own: string, deliveryIds: readonly string[]): void {
    for (const [name, held] of this.#held) {
      const { message, recipient, sender, isQueued, tell } = held;
      if (recipient !== own || !deliveryIds.includes(String(message.deliveryId))) continue;
      this.#held.delete(name);
      this.#acknowledged.add(name);
      if (!isQueued) tell('delivered');
      else this.#receipt(own, { to: sender, id: message.id, status: 'delivered' });
    }
  }
}
