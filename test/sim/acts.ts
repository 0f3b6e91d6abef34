/** What people and their assistants do of their own accord: ask, answer, connect, go, come back. */
import type { Device } from './device.ts';
import type { Letter } from './letters.ts';

const WEIGHTS = {
  ask: 30,
  flood: 0,
  invite: 4,
  connect: 5,
  list: 1,
  disconnect: 0.7,
  forget: 0.15,
  ping: 1,
  rename: 1,
  hangUp: 2,
  garbage: 0.5,
};

const FLOOD = 80;
const LARGE_BYTES_MAX = 30_000;

/** Begins to act, now and then, until the faults stop. */
export function live(device: Device): void {
  const { schedule, dice, plan } = device.around;
  schedule.after(dice.next() * 2 * plan.actEveryMs, () => {
    if (device.around.isCalm) return;
    act(device);
    live(device);
  });
}

function act(device: Device): void {
  const { dice, plan } = device.around;
  if (device.isAway && dice.chance(0.1)) device.isAway = false;
  if (device.socket === undefined) {
    if (!dice.chance(plan.absent)) device.connect();
    if (device.friends.size > 0 && dice.chance(0.2)) ask(device);
    return;
  }
  if (!device.isIdentified) return;
  const isGuest = device.person.publicKey === undefined;
  const weights = { ...WEIGHTS, flood: WEIGHTS.ask * plan.floods, forget: isGuest ? 0 : WEIGHTS.forget };
  if (device.friends.size === 0) weights.connect = 40;
  DEEDS[dice.weighed(weights)](device);
}

const DEEDS: { readonly [D in keyof typeof WEIGHTS]: (device: Device) => void } = {
  ask,
  flood: (device) => {
    if (device.friends.size === 0) return;
    const to = device.around.dice.pick([...device.friends.keys()]);
    for (let count = 0; count < FLOOD; count++) device.write('question', to, words(device), undefined);
  },
  invite: (device) => device.say({ type: 'create_invite' }),
  connect: (device) => {
    const { codes, dice } = device.around;
    if (codes.length === 0) {
      device.say({ type: 'create_invite' });
      return;
    }
    const { code } = dice.chance(0.7) ? (codes.at(-1) ?? dice.pick(codes)) : dice.pick(codes);
    device.say({ type: 'connect', code });
  },
  list: (device) => device.say({ type: 'list_connections' }),
  disconnect: (device) => {
    if (device.friends.size > 0)
      device.say({ type: 'disconnect', to: device.around.dice.pick([...device.friends.keys()]) });
  },
  forget: (device) => device.say({ type: 'forget_me' }),
  ping: (device) => device.say({ type: 'ping', id: 'ping' }),
  rename: (device) =>
    device.say({ type: 'identify', username: device.person.name, nickname: `nick ${device.around.dice.text(3)}` }),
  hangUp: (device) => {
    const { dice, plan } = device.around;
    device.hangUp();
    device.connectIn(dice.chance(plan.absent) ? dice.between(5_000, 60_000) : dice.delay(5_000));
  },
  garbage: (device) => device.say({ type: device.around.dice.pick(['question', 'nonsense', 'receipt']) }),
};

function ask(device: Device): void {
  if (device.friends.size === 0) return;
  const { dice } = device.around;
  const to = dice.pick([...device.friends.keys()]);
  const count = dice.chance(0.7) ? 1 : dice.between(2, 5);
  for (let index = 0; index < count; index++) device.write('question', to, words(device), undefined);
}

function words(device: Device): string {
  const { dice, plan } = device.around;
  return dice.chance(plan.large) ? 'x'.repeat(dice.between(1_000, LARGE_BYTES_MAX)) : 'words';
}

/** A question is in front of somebody, who may answer it or say something about it. */
export function respond(device: Device, letter: Letter): void {
  const { dice, schedule, isCalm } = device.around;
  if (letter.type !== 'question' || isCalm) return;
  const deed = dice.weighed({ answer: 5, read: 2, declined: 1, nothing: 3 });
  if (deed === 'nothing') return;
  schedule.after(dice.delay(4_000), () => {
    const friend = device.friends.get(letter.sender);
    if (friend === undefined || device.around.isCalm) return;
    if (deed === 'answer') device.write('answer', letter.sender, words(device), letter.id);
    else if (friend.durable && device.isIdentified) {
      letter.receiptsGiven.add(deed);
      device.say({ type: 'receipt', id: letter.id, to: letter.sender, status: deed });
    }
  });
}
