/** A bridge and its pipes: nothing but protocol comes out, whatever goes in; and no network, disk or setting ends it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { eventually, type Json, seededChance, suite, temporaryFolder } from '../harness.ts';
import { smallDisk } from '../server/disk.ts';
import { freePort } from '../torture/victims.ts';
import { Wire, type WireOptions } from './wire.ts';
import { World } from './world.ts';

const test = suite('bridge: wire');

/** Where nobody listens. */
let nowhere = '';
test.before(async () => {
  nowhere = `ws://127.0.0.1:${await freePort(seededChance('nowhere'))}`;
});

async function withWire(options: Partial<WireOptions>, run: (wire: Wire) => Promise<void>): Promise<void> {
  const wire = new Wire({ url: nowhere, username: 'ada', home: temporaryFolder(), ...options });
  try {
    await run(wire);
  } finally {
    wire.kill();
  }
}

test('garbage is answered or passed over, and the bridge goes on', async () => {
  await withWire({}, async (wire) => {
    await wire.initialize();
    for (const garbage of [
      '\n\n\n',
      'not json\n',
      '{"jsonrpc":"2.0"\n',
      '[]\n[[]]\nnull\ntrue\n17\n""\n',
      '{"jsonrpc":"1.0","id":1,"method":"tools/list"}\n',
      '{"jsonrpc":"2.0","id":{"a":1},"method":"tools/list"}\n',
      '{"jsonrpc":"2.0","id":7001,"method":"no/such/method"}\n',
      '{"jsonrpc":"2.0","id":7002,"method":"tools/call","params":{"name":"no_such_tool"}}\n',
      '{"jsonrpc":"2.0","id":7003,"method":"tools/call","params":{"name":"magi_ask","arguments":[]}}\n',
      '{"jsonrpc":"2.0","id":7004,"method":"tools/call","params":{"name":"magi_ask","arguments":{"friend":7,"text":{}}}}\n',
      '{"jsonrpc":"2.0","id":7005,"method":"tools/call","params":{"name":"magi_inbox","arguments":{"wait_seconds":1e99}}}\n',
      '{"jsonrpc":"2.0","id":7006,"method":"tools/call","params":{"name":"__proto__","arguments":{"__proto__":{"x":1}}}}\n',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never"}}\n',
      '{"jsonrpc":"2.0","id":"never asked","result":{}}\n',
      `${'{"a":'.repeat(10_000)}\n`,
      Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a]),
      `{"jsonrpc":"2.0","id":7007,"method":"tools/call","params":{"name":"brainxchange_command","arguments":{"command":"${'x'.repeat(50_000)}"}}}\n`,
    ])
      wire.write(garbage);
    const { data, text } = await wire.call('magi_status');
    assert.is(data.status, 'ok', text);
    // Each line was one of the protocol's messages, or wire.ts had thrown.
    for (const id of [7001, 7002, 7003, 7004, 7005, 7006, 7007])
      assert.ok(await eventually(() => wire.messages.find((message) => message.id === id), `an answer to ${id}`));
    assert.is(await wire.end(), 0);
  });
});

test('it ends with 0 when its input ends: before anything, after the handshake, in the middle of a call', async () => {
  for (const begin of [
    async () => {},
    async (wire: Wire) => void (await wire.initialize()),
    async (wire: Wire) => {
      await wire.initialize();
      wire.send({ id: 99, method: 'tools/call', params: { name: 'magi_inbox', arguments: { wait_seconds: 60 } } });
      await wire.call('magi_status');
    },
  ])
    await withWire({}, async (wire) => {
      await begin(wire);
      assert.is(await wire.end(), 0, wire.stderr);
      assert.equal(
        [...wire.lines].filter((line) => !line.startsWith('{"')),
        [],
      );
    });
});

test('it ends when nobody reads what it says any more', async () => {
  await withWire({}, async (wire) => {
    await wire.initialize();
    wire.process.stdout?.destroy();
    wire.send({ id: 98, method: 'tools/list', params: {} });
    assert.is(await wire.whenEnded(), 0, wire.stderr);
  });
});

test('SIGTERM is a way to leave', async () => {
  await withWire({}, async (wire) => {
    await wire.initialize();
    wire.process.kill('SIGTERM');
    assert.is(await wire.whenEnded(), 0, wire.stderr);
  });
});

test('without settings every tool says what to set, and it works once they are there', async () => {
  const world = await World.open();
  const home = temporaryFolder();
  const env = { MAGI_SERVER: '', MAGI_USERNAME: '' };
  try {
    await withWire({ home, env }, async (wire) => {
      await wire.initialize();
      for (const tool of ['magi_status', 'magi_friends', 'magi_inbox', 'magi_create_invite']) {
        const { isError, text, data } = await wire.call(tool);
        assert.equal([isError, data.status], [true, 'refused']);
        assert.match(text, /MAGI_SERVER and MAGI_USERNAME/, tool);
      }
      assert.ok((await wire.call('magi_ask', { friend: 'grace', text: 'x' })).isError);
      mkdirSync(join(home, 'ada'), { recursive: true });
      const config = join(home, 'ada', 'config.json');
      for (const bad of ['{', '[]', '{"server":7}', '{"server":"ftp://x","username":"ada"}', '{"server":"host"}']) {
        writeFileSync(config, bad);
        const { isError, text } = await wire.call('magi_status');
        assert.ok(isError);
        assert.match(text, /config\.json|MAGI_(SERVER|USERNAME)/, bad);
      }
      writeFileSync(config, JSON.stringify({ server: world.url, username: 'ada' }));
      assert.is((await wire.call('magi_status')).data.status, 'ok');
      assert.match(String((await wire.call('magi_create_invite')).data.code), /^[2-9A-Z]{6}$/);
      assert.is(await wire.end(), 0);
    });
  } finally {
    await world.close();
  }
});

test('a name that the exchange refuses is said, and the bridge goes on', async () => {
  const world = await World.open();
  try {
    await (await world.assistant('ada')).call('magi_create_invite');
    // Another key, the same name.
    await withWire({ url: world.url, home: temporaryFolder() }, async (wire) => {
      await wire.initialize();
      const { isError, text } = await wire.call('magi_create_invite');
      assert.ok(isError);
      assert.match(text, /The exchange says: ".*key/);
      assert.is((await wire.call('magi_status')).data.isConnected, false);
      assert.is(await wire.end(), 0);
    });
  } finally {
    await world.close();
  }
});

test('a folder that cannot be used is said, and used when it can be', async () => {
  const home = temporaryFolder();
  const folder = join(home, 'ada');
  writeFileSync(folder, 'a file in the place of the folder');
  await withWire({ home }, async (wire) => {
    await wire.initialize();
    for (const tool of ['magi_status', 'magi_inbox', 'magi_friends']) {
      const { isError, text } = await wire.call(tool);
      assert.ok(isError);
      assert.match(text, /cannot be used|is not a directory|ENOTDIR/, text);
    }
    rmSync(folder);
    assert.is((await wire.call('magi_status')).data.status, 'ok');
    assert.is(await wire.end(), 0);
  });
});

test('it goes on when nobody reads what it complains of', async () => {
  const home = temporaryFolder();
  const folder = join(home, 'ada');
  writeFileSync(folder, 'a file in the place of the folder');
  await withWire({ home }, async (wire) => {
    wire.process.stderr?.destroy();
    await wire.initialize();
    assert.ok((await wire.call('magi_status')).isError);
    assert.ok((await wire.call('magi_status')).isError);
    rmSync(folder);
    assert.is((await wire.call('magi_status')).data.status, 'ok');
    assert.is(await wire.end(), 0);
  });
});

test('a store that is none is said, and a key that is none', async () => {
  for (const [file, content] of [
    ['magi.db', 'this is no database, and long enough to be looked at as if it were one'.repeat(100)],
    ['identity.pem', 'this is no key'],
  ] as const) {
    const home = temporaryFolder();
    mkdirSync(join(home, 'ada'), { mode: 0o700 });
    const path = join(home, 'ada', file);
    writeFileSync(path, content, { mode: 0o600 });
    await withWire({ home }, async (wire) => {
      await wire.initialize();
      const { isError, text } = await wire.call('magi_status');
      assert.ok(isError);
      assert.ok(text.includes(file), text);
      assert.is(readFileSync(path, 'utf8'), content, 'it was left alone');
      rmSync(path);
      assert.is((await wire.call('magi_status')).data.status, 'ok');
      assert.is(await wire.end(), 0);
    });
  }
});

test('on a full disk every tool answers, nothing is said to be sent that is not, and it works when there is room', async () => {
  const world = await World.open({ DATA_DIR: temporaryFolder() });
  const disk = await smallDisk(8);
  try {
    const grace = await world.assistant('grace', { name: 'another' });
    const options = { url: world.url, env: { MAGI_HOME: disk.path }, within: disk.enter };
    await withWire(options, async (wire) => {
      await wire.initialize();
      const { data } = await wire.call('magi_create_invite');
      await grace.call('magi_connect', { code: data.code });
      await eventually(async () => /@grace/.test((await wire.call('magi_friends')).text) || undefined, 'grace');
      await world.setPolicy('grace', 'ada', 'auto');
      disk.fill();
      const text = 'x'.repeat(20_000);
      let refused: Json | undefined;
      for (let n = 0; refused === undefined; n++) {
        assert.ok(n < 100, 'the disk never fills up');
        const asked = await wire.call('magi_ask', { friend: 'grace', text: `${n} ${text}`, wait_seconds: 0 });
        if (asked.isError) refused = asked as unknown as Json;
        else assert.is(asked.data.status, 'draft', 'a new friend is on hold');
      }
      assert.match(String(refused.text), /disk/);
      await grace.call('magi_ask', { friend: 'ada', text: 'are you there?', wait_seconds: 0 });
      for (const tool of ['magi_status', 'magi_friends', 'magi_inbox'])
        assert.ok((await wire.call(tool)).text.length > 0, tool);
      disk.free();
      const after = await wire.call('magi_ask', { friend: 'grace', text: 'after', wait_seconds: 0 });
      assert.is(after.data.status, 'draft', after.text);
      assert.is(await wire.end(), 0);
    });
  } finally {
    await world.close();
    await disk.remove();
  }
});

test('what is written where it must not be, goes elsewhere', async () => {
  // A program in between that prints to standard output, as a stray console.log would.
  const loud = join(temporaryFolder(), 'loud.mjs');
  writeFileSync(loud, `setInterval(() => console.log('not protocol'), 20).unref();`);
  await withWire({ env: { NODE_OPTIONS: `--import=${loud}` } }, async (wire) => {
    await wire.initialize();
    await eventually(() => wire.stderr.includes('not protocol') || undefined, 'what was printed');
    assert.is((await wire.call('magi_status')).data.status, 'ok');
    assert.is(await wire.end(), 0);
  });
});

test('the folder of a bridge is for its owner alone', async () => {
  const home = temporaryFolder();
  await withWire({ home }, async (wire) => {
    await wire.initialize();
    await wire.call('magi_status');
    const { stdout } = spawnSync('find', [join(home, 'ada'), '-perm', '/077'], { encoding: 'utf8' });
    assert.is(stdout, '');
    assert.is(await wire.end(), 0);
  });
});

test.run();
