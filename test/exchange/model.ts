/**
 * A model of the exchange that is slow and obviously right: lists that are searched from one end to the other. It foretells every
 * message that every client is told. Beside it, what clients may do: each step is done to the exchange and then to the model.
 */
import * as assert from 'uvu/assert';
import type { Json } from '../harness.ts';
import { type Guest, MINUTE, SECOND, type World, WRONG_CODE } from './world.ts';

export const INVITES_LIVE = 2;
export const CONNECTIONS_MAX = 2;

interface Person {
  readonly guest: Guest;
  /** Undefined: not identified. */
  username?: string;
  nickname?: string;
}
interface Joined {
  readonly number: number;
  readonly both: readonly Person[];
  usedAt: number;
}

export class Model {
  people: Person[] = [];
  connections: Joined[] = [];
  invites: { code: string; maker: Person; expiresAt: number }[] = [];
  /** Who is to be told what, in order. */
  expected: [Person, Json][] = [];
  #numbers = 0;

  tell(person: Person, message: Json): void {
    this.expected.push([person, message]);
  }

  friendOf(connection: Joined, person: Person): Person {
    return connection.both.find((other) => other !== person) as Person;
  }

  of(person: Person): Joined[] {
    return this.connections.filter(({ both }) => both.includes(person));
  }

  named(name: string): Person | undefined {
    return this.people.find(({ username }) => username?.toLowerCase() === name.toLowerCase());
  }

  join(maker: Person, guest: Person, now: number): void {
    let connection = this.of(maker).find(({ both }) => both.includes(guest));
    if (connection === undefined) {
      connection = { number: this.#numbers++, both: [maker, guest], usedAt: now };
      this.connections.push(connection);
    }
    const said = { connectionId: connection.number, durable: false };
    this.tell(guest, { type: 'connected_to_friend', friend: asFriend(maker), ...said });
    this.tell(maker, { type: 'friend_connected', friend: asFriend(guest), ...said });
  }

  end(connection: Joined, reason: string): void {
    this.connections = this.connections.filter((other) => other !== connection);
    for (const person of connection.both)
      if (this.people.includes(person)) {
        const friend = asFriend(this.friendOf(connection, person));
        this.tell(person, { type: 'friend_disconnected', friend, connectionId: connection.number, reason });
      }
  }

  leave(person: Person): void {
    this.people = this.people.filter((other) => other !== person);
    this.invites = this.invites.filter(({ maker }) => maker !== person);
    for (const connection of this.of(person)) this.end(connection, 'closed');
  }

  tick(now: number): void {
    for (const connection of this.connections) if (now - connection.usedAt >= 30 * MINUTE) this.end(connection, 'idle');
    this.invites = this.invites.filter(({ expiresAt }) => expiresAt > now);
  }
}

function asFriend({ username, nickname }: Person): Json {
  return { username, nickname };
}

type Refusal = string | undefined;
export type Step = (world: World, model: Model) => Promise<void>;

/**
 * A command of the person in this seat: sent to the exchange, then played on the model, which may refuse it. `meanwhile`: what
 * happens while the exchange waits.
 */
function command(
  seat: number,
  message: Json,
  play: (world: World, model: Model, person: Person) => Refusal,
  meanwhile: Step = async () => {},
): Step {
  return async (world, model) => {
    const person = model.people[seat];
    if (person === undefined) return;
    await world.says(person.guest, message);
    await meanwhile(world, model);
    const isKnown = person.username !== undefined || message.type === 'identify';
    const code = isKnown ? play(world, model, person) : 'not_identified';
    if (code !== undefined) model.tell(person, { type: 'error', code, request: message.type });
  };
}

function find(model: Model, person: Person, to: string | undefined): Joined | string {
  const all = model.of(person);
  const meant = all.filter((connection) => to === undefined || model.named(to) === model.friendOf(connection, person));
  return meant.length > 1 ? 'recipient_required' : (meant[0] ?? 'no_connection');
}

export const steps = {
  open: (): Step => async (world, model) => {
    if (model.people.length < 4) model.people.push({ guest: world.open() });
  },
  close: (seat: number): Step => {
    return async (world, model) => {
      const person = model.people[seat];
      if (person === undefined) return;
      await world.close(person.guest);
      model.leave(person);
    };
  },
  wait: (minutes: number): Step => {
    return async (world, model) => {
      await world.tick(world.now + minutes * MINUTE);
      model.tick(world.now);
    };
  },
  /** When somebody holds the name, the holder answers the ping or lets its three seconds pass. */
  identify: (seat: number, username: string, nickname: string | undefined, holderAnswers: boolean): Step => {
    return async (world, model) => {
      const claimer = model.people[seat];
      const holder = claimer?.username === undefined ? model.named(username) : undefined;
      const play = (_world: World, _model: Model, person: Person) => {
        const { username: own = username } = person;
        if (own.toLowerCase() !== username.toLowerCase()) return 'already_identified';
        if (holder !== undefined && holderAnswers) return 'username_taken';
        if (holder !== undefined) model.leave(holder);
        person.username = own;
        person.nickname = nickname ?? username;
        model.tell(person, { type: 'identified', ...asFriend(person), clientId: person.guest.client.id });
        return undefined;
      };
      const answerPing = async () => {
        if (holder === undefined) return;
        if (holderAnswers) world.exchange.ponged(holder.guest.client);
        else {
          await world.tick(world.now + 3 * SECOND);
          assert.is(holder.guest.closedWith, 4001);
          await world.close(holder.guest);
          model.tick(world.now);
        }
        await world.settled();
      };
      await command(seat, { type: 'identify', username, nickname }, play, answerPing)(world, model);
    };
  },
  invite: (seat: number): Step =>
    command(seat, { type: 'create_invite' }, (world, model, person) => {
      const [code, expiresAt] = [world.codes.at(-1) ?? '', world.now + 30 * MINUTE];
      model.invites.push({ code, maker: person, expiresAt });
      const live = model.invites.filter(({ maker }) => maker === person);
      if (live.length > INVITES_LIVE) model.invites = model.invites.filter((invite) => invite !== live[0]);
      model.tell(person, {
        ...{ type: 'invite_created', code, from: person.nickname, expiresIn: '30 minutes', expiresAt },
      });
      return undefined;
    }),
  /** `back`: which of the codes, counted from the newest. */
  connect: (seat: number, back: number, from: string | undefined): Step => {
    return async (world, model) => {
      const code = world.codes.at(-1 - back) ?? WRONG_CODE;
      const connect = command(seat, { type: 'connect', code, from }, (world, model, person) => {
        const invite = model.invites.find((invite) => invite.code === code);
        if (invite === undefined || invite.expiresAt <= world.now) return 'invalid_code';
        if (from !== undefined && model.named(from) !== invite.maker) return 'invalid_code';
        if (invite.maker === person) return 'own_invite';
        const isNew = !model.of(person).some(({ both }) => both.includes(invite.maker));
        const isFull = (one: Person) => model.of(one).length >= CONNECTIONS_MAX;
        if (isNew && (isFull(person) || isFull(invite.maker))) return 'too_many_connections';
        model.invites = model.invites.filter((other) => other !== invite);
        model.join(invite.maker, person, world.now);
        return undefined;
      });
      await connect(world, model);
    };
  },
  speak: (seat: number, type: 'ask' | 'answer', content: string, to: string | undefined): Step =>
    command(seat, { type, content, to }, (world, model, person) => {
      const connection = find(model, person, to);
      if (typeof connection === 'string') return connection;
      const friend = model.friendOf(connection, person);
      connection.usedAt = world.now;
      const kind = type === 'ask' ? 'question' : 'answer';
      model.tell(person, { type: `${kind}_sent`, content, to: friend.nickname, status: 'forwarded' });
      model.tell(friend, { type: kind, content, from: person.username, fromNickname: person.nickname });
      return undefined;
    }),
  disconnect: (seat: number, to: string): Step =>
    command(seat, { type: 'disconnect', to }, (_world, model, person) => {
      const connection = find(model, person, to);
      if (typeof connection === 'string') return connection;
      model.end(connection, 'left');
      return undefined;
    }),
  list: (seat: number): Step =>
    command(seat, { type: 'list_connections' }, (_world, model, person) => {
      const connections = model.of(person).map((connection) => ({
        connectionId: connection.number,
        friend: asFriend(model.friendOf(connection, person)),
        online: true,
        durable: false,
      }));
      model.tell(person, { type: 'connections', connections });
      return undefined;
    }),
};
