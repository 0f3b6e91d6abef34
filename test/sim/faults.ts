/** What goes wrong from outside: crashes, broken and silent sockets, a full or slow disk, clocks that are set. */
import type { Device } from './device.ts';
import type { World } from './world.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Goes on until the world is calm. */
export function trouble(world: World): void {
  const { plan, schedule, dice, surroundings } = world;
  if (plan.faultEveryMs === 0) return;
  schedule.after(dice.next() * 2 * plan.faultEveryMs, () => {
    if (surroundings.isCalm) return;
    if (Object.values(plan.faults).some((rate) => rate > 0)) {
      const fault = dice.weighed(plan.faults);
      surroundings.note('fault', fault);
      FAULTS[fault](world);
    }
    trouble(world);
  });
}

/** Something for a while. */
function meanwhile(world: World, ms: number, begin: () => void, end: () => void): void {
  begin();
  world.schedule.after(ms, end);
}

function someone(world: World): Device | undefined {
  const open = world.devices.filter(({ socket }) => socket !== undefined);
  return open.length === 0 ? undefined : world.dice.pick(open);
}

const FAULTS: { readonly [F in keyof World['plan']['faults']]: (world: World) => void } = {
  exchangeCrash: (world) => {
    // Between two events, or between two effects of those to come.
    if (world.dice.chance(0.4)) world.host.crash();
    else world.host.fuse = world.dice.between(0, 20);
  },
  drain: (world) => {
    world.host.drain();
    const { life } = world.host;
    world.schedule.after(world.dice.between(0, 5_000), () => {
      if (world.host.life === life) world.host.crash();
    });
  },
  deviceCrash: (world) => {
    const device = world.dice.pick(world.devices);
    device.crash();
    device.connectIn(
      world.dice.chance(world.plan.absent) ? world.dice.between(5_000, 60_000) : world.dice.delay(10_000),
    );
  },
  sever: (world) => {
    const socket = someone(world)?.socket;
    if (socket !== undefined) world.network.sever(socket, world.dice.delay(3_000), world.dice.delay(3_000));
  },
  halfOpen: (world) => {
    const socket = someone(world)?.socket;
    if (socket !== undefined) world.network.sever(socket, 68_000, world.dice.delay(60_000));
  },
  freeze: (world) => {
    const device = someone(world);
    if (device !== undefined) device.frozenUntil = world.schedule.now + world.dice.between(1_000, 60_000);
  },
  fullDisk: (world) => {
    const { mood, dice } = world;
    mood.deletesWhenFull = dice.chance(0.5);
    meanwhile(
      world,
      dice.delay(30_000),
      () => {
        mood.isFull = true;
      },
      () => {
        mood.isFull = false;
      },
    );
  },
  slowDisk: (world) => {
    const { mood, dice } = world;
    meanwhile(
      world,
      dice.delay(30_000),
      () => {
        mood.commitMs = dice.between(100, 8_000);
      },
      () => {
        mood.commitMs = 10;
      },
    );
  },
  slowNetwork: (world) => {
    const { network, dice } = world;
    meanwhile(
      world,
      dice.delay(30_000),
      () => {
        network.delayMs = dice.between(100, 4_000);
      },
      () => {
        network.delayMs = 50;
      },
    );
  },
  clockForward: (world) => {
    const { dice } = world;
    world.setClock(dice.pick([6_000, 60_000, HOUR_MS, DAY_MS, 8 * DAY_MS, 31 * DAY_MS]) * dice.next() * 1.2);
  },
  clockBack: (world) => world.setClock(-world.dice.between(1, 10_000)),
};
