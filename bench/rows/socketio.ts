/**
 * The same protocol on Socket.IO 4, WebSocket transport only: an event for each type, its fields as the one argument.
 * No schema, no limits, no logs, no metrics: less work than the exchange does.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';

interface User {
  readonly username: string;
  nickname: string;
  readonly socket: Socket;
  /** The friends of this user, by username. */
  readonly friends: Map<string, User>;
}

type Request = Record<string, string | undefined>;

const ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const users = new Map<string, User>();
const invites = new Map<string, User>();

const fail = (socket: Socket, code: string, message: string) => void socket.emit('error', { code, message });
const person = (user: User) => ({ username: user.username, nickname: user.nickname });

function identify(socket: Socket, clientId: string, { username, nickname = username }: Request): User | undefined {
  if (typeof username !== 'string' || typeof nickname !== 'string' || username === '')
    return void fail(socket, 'invalid_username', 'Send a username.');
  if (users.has(username)) return void fail(socket, 'username_taken', 'Choose another username.');
  const user: User = { username, nickname, socket, friends: new Map() };
  users.set(username, user);
  socket.emit('identified', { username, nickname, clientId });
  return user;
}

function createInvite(user: User): void {
  const code = Array.from({ length: 6 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  invites.set(code, user);
  user.socket.emit('invite_created', { code, from: user.nickname, expiresIn: '30 minutes' });
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
  user.socket.emit('connected_to_friend', { connectionId, friend: person(friend), durable: false });
  friend.socket.emit('friend_connected', { connectionId, friend: person(user), durable: false });
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
  friend.socket.emit(type, { content, from: user.username, fromNickname: user.nickname });
  const sent = { content, to: friend.nickname, status: 'forwarded' };
  user.socket.emit(`${type}_sent`, type === 'question' ? { ...sent, remaining: 10 } : sent);
}

function leave(user: User): void {
  users.delete(user.username);
  for (const [code, maker] of invites) if (maker === user) invites.delete(code);
  for (const friend of user.friends.values()) {
    friend.friends.delete(user.username);
    friend.socket.emit('friend_disconnected', { friend: person(user), reason: 'closed' });
  }
}

const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });

io.on('connection', (socket) => {
  const clientId = randomUUID();
  let user: User | undefined;
  socket.emit('connected', { clientId });
  const identified = (run: (user: User, request: Request) => void) => (request: Request) => {
    if (user === undefined) fail(socket, 'not_identified', 'Identify first.');
    else run(user, request);
  };
  socket.on('identify', (request: Request) => {
    user ??= identify(socket, clientId, request);
  });
  socket.on('create_invite', identified(createInvite));
  socket.on('connect_to', identified(connect));
  socket.on(
    'ask',
    identified((asker, request) => forward(asker, 'question', request)),
  );
  socket.on(
    'answer',
    identified((answerer, request) => forward(answerer, 'answer', request)),
  );
  socket.on('disconnect', () => {
    if (user !== undefined) leave(user);
  });
});

http.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ event: 'started', port: (http.address() as AddressInfo).port }));
});
