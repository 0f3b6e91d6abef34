/**
 * The same protocol on the `ws` package, as a good ordinary developer writes it: JSON in, a map of users, JSON out.
 * No schema, no limits, no logs, no metrics: less work than the exchange does.
 */
import { randomInt, randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

interface User {
  readonly username: string;
  nickname: string;
  readonly socket: WebSocket;
  /** The friends of this user, by username. */
  readonly friends: Map<string, User>;
}

type Request = Record<string, string | undefined>;

const ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const users = new Map<string, User>();
const invites = new Map<string, User>();

const send = (socket: WebSocket, message: object) => socket.send(JSON.stringify(message));
const fail = (socket: WebSocket, code: string, message: string) => send(socket, { type: 'error', code, message });
const person = (user: User) => ({ username: user.username, nickname: user.nickname });

function identify(socket: WebSocket, clientId: string, { username, nickname = username }: Request): User | undefined {
  if (typeof username !== 'string' || typeof nickname !== 'string' || username === '')
    return void fail(socket, 'invalid_username', 'Send a username.');
  if (users.has(username)) return void fail(socket, 'username_taken', 'Choose another username.');
  const user: User = { username, nickname, socket, friends: new Map() };
  users.set(username, user);
  send(socket, { type: 'identified', username, nickname, clientId });
  return user;
}

function createInvite(user: User): void {
  const code = Array.from({ length: 6 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  invites.set(code, user);
  send(user.socket, { type: 'invite_created', code, from: user.nickname, expiresIn: '30 minutes' });
}

function connect(user: User, { code = '' }: Request): void {
  const friend = invites.get(code);
  if (friend === undefined || friend === user) {
    fail(user.socket, 'invalid_code', 'Ask for a new code.');
    return;
  }
  invites.delete(code);
  user.friends.set(friend.username, friend);
  friend.friends.set(user.username, user);
  const connectionId = randomUUID();
  send(user.socket, { type: 'connected_to_friend', connectionId, friend: person(friend), durable: false });
  send(friend.socket, { type: 'friend_connected', connectionId, friend: person(user), durable: false });
}

function forward(user: User, type: 'question' | 'answer', { content, to }: Request): void {
  if (typeof content !== 'string') {
    fail(user.socket, 'bad_message', 'Send content as a string.');
    return;
  }
  const friend = to === undefined ? [...user.friends.values()][0] : user.friends.get(to);
  if (friend === undefined) {
    fail(user.socket, 'no_connection', 'You are not connected with that user.');
    return;
  }
  send(friend.socket, { type, content, from: user.username, fromNickname: user.nickname });
  const sent = { type: `${type}_sent`, content, to: friend.nickname, status: 'forwarded' };
  send(user.socket, type === 'question' ? { ...sent, remaining: 10 } : sent);
}

function leave(user: User): void {
  users.delete(user.username);
  for (const [code, maker] of invites) if (maker === user) invites.delete(code);
  for (const friend of user.friends.values()) {
    friend.friends.delete(user.username);
    send(friend.socket, { type: 'friend_disconnected', friend: person(user), reason: 'closed' });
  }
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 128 * 1024 });

server.on('connection', (socket) => {
  const clientId = randomUUID();
  let user: User | undefined;
  send(socket, { type: 'connected', clientId });
  socket.on('error', () => {});
  socket.on('close', () => {
    if (user !== undefined) leave(user);
  });
  socket.on('message', (data) => {
    let request: Request;
    try {
      request = JSON.parse(data.toString());
    } catch {
      return fail(socket, 'bad_message', 'Send JSON.');
    }
    if (request.type === 'identify') user ??= identify(socket, clientId, request);
    else if (user === undefined) fail(socket, 'not_identified', 'Identify first.');
    else if (request.type === 'ask') forward(user, 'question', request);
    else if (request.type === 'answer') forward(user, 'answer', request);
    else if (request.type === 'create_invite') createInvite(user);
    else if (request.type === 'connect') connect(user, request);
    else fail(socket, 'unknown_type', 'There is no such command.');
  });
});

server.on('listening', () => {
  console.log(JSON.stringify({ event: 'started', port: (server.address() as AddressInfo).port }));
});
