/**
 * Protocol part 1, byte for byte: a conversation of guests as it was recorded. `>` is what a client sends and `<` what it is told; an
 * indented line is what happens. Guests see no difference for all that keyed users may do: not one byte of this may change, except that
 * the sentences of errors may be worded anew.
 */
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { type Guest, MINUTE, START, World } from './world.ts';

const test = suite('guest transcript');

/** Runs what the transcript says is sent and done, and returns the transcript of what came of it. */
async function recorded(transcript: string): Promise<string> {
  const world = new World();
  const clients = new Map<string, Guest>();
  const lines: string[] = [];
  const read = new Map<string, number>();
  const listen = () => {
    for (const [name, { texts }] of clients) {
      for (const text of texts.slice(read.get(name) ?? 0)) lines.push(`${name} < ${text}`);
      read.set(name, texts.length);
    }
  };
  for (const line of transcript.trim().split('\n')) {
    if (/^\w+ </.test(line)) continue;
    lines.push(line);
    const [, name = '', sent = ''] = /^(\w+) > (.*)$/.exec(line) ?? [];
    const guest = clients.get(name);
    if (guest !== undefined) await world.says(guest, sent);
    else await happens(world, clients, line.trim());
    listen();
  }
  // Which ids are drawn and never said is nobody's concern: they are numbered as they appear.
  const ids = new Map<string, string>();
  const numbered = (id: string) => ids.get(id) ?? ids.set(id, `"id-${ids.size + 1}"`).get(id) ?? id;
  const whole = lines.join('\n').replaceAll(/"challenge":"[^"]*"/g, '"challenge":"…"');
  return whole.replaceAll(/"id-\d+"/g, numbered);
}

async function happens(world: World, clients: Map<string, Guest>, what: string): Promise<void> {
  const [name = '', verb, count] = what.split(' ');
  if (verb === 'opens') clients.set(name, world.open());
  else if (verb === 'closes') await world.close(clients.get(name) as Guest);
  else if (verb === 'pongs') world.exchange.ponged((clients.get(name) as Guest).client);
  else if (verb === 'minutes') await world.tick(START + Number(name) * MINUTE);
  else if (verb === 'asks')
    for (let n = 0; n < Number(count); n++)
      await world.says(clients.get(name) as Guest, '{"type":"ask","content":"more"}');
  else if (verb === 'restarts') world.exchange.drain(() => 4_000);
  else throw new Error(`what is this: ${what}`);
  await world.settled();
}

const TRANSCRIPT = String.raw`
  ann opens
ann < {"type":"connected","clientId":"id-1","version":"1.2.3","challenge":"…"}
ann > {"type":"ping"}
ann < {"type":"pong"}
ann > {"type":"ping","id":"p-1"}
ann < {"type":"pong","id":"p-1"}
ann > {"type":"create_invite"}
ann < {"type":"error","code":"not_identified","message":"Say who you are first: send identify with a \"username\".","request":"create_invite"}
ann > {"type":"ask","content":"c","id":"q-1"}
ann < {"type":"error","code":"not_identified","message":"Say who you are first: send identify with a \"username\".","request":"ask","id":"q-1"}
ann > {"type":"identify"}
ann < {"type":"error","code":"bad_message","message":"The field \"username\" is missing: send a string.","request":"identify"}
ann > {"type":"identify","username":" ann"}
ann < {"type":"error","code":"invalid_username","message":"Choose a username of 1 to 128 characters without control, bidirectional or invisible characters and without a space at either end.","request":"identify"}
ann > {"type":"identify","username":"ann","nickname":""}
ann < {"type":"error","code":"invalid_nickname","message":"Choose a nickname of 1 to 64 characters without control, bidirectional or invisible characters and without a space at either end.","request":"identify"}
ann > {"type":"identify","username":"Ann"}
ann < {"type":"identified","username":"Ann","nickname":"Ann","clientId":"id-1"}
ann > {"type":"identify","username":"ann","nickname":"Anna \"A.\" 🦊"}
ann < {"type":"identified","username":"Ann","nickname":"Anna \"A.\" 🦊","clientId":"id-1"}
ann > {"type":"identify","username":"anna"}
ann < {"type":"error","code":"already_identified","message":"This client is identified with another username. Open a new WebSocket to use a different one.","request":"identify"}
ann > {"type":"dance","id":"d-1"}
ann < {"type":"error","code":"unknown_type","message":"There is no command of this type. Send identify, create_invite, connect, ask, answer, list_connections, disconnect, received, receipt, forget_me or ping.","id":"d-1"}
ann > {"type":"question","content":"forged"}
ann < {"type":"error","code":"unknown_type","message":"There is no command of this type. Send identify, create_invite, connect, ask, answer, list_connections, disconnect, received, receipt, forget_me or ping."}
ann > hello
ann < {"type":"error","code":"bad_message","message":"Send one JSON object in each frame: this is not JSON."}
ann > {"type":"list_connections"}
ann < {"type":"connections","connections":[]}
ann > {"type":"create_invite"}
ann < {"type":"invite_created","code":"222222","from":"Anna \"A.\" 🦊","expiresIn":"30 minutes","expiresAt":1750001800000}
ann > {"type":"connect","code":"222222"}
ann < {"type":"error","code":"own_invite","message":"This is your own code. Give it to a friend: it stays usable.","request":"connect"}
ann > {"type":"ask","content":"c"}
ann < {"type":"error","code":"no_connection","message":"You have no connection with that user. Connect with a code of theirs first.","request":"ask"}
ann > {"type":"ask","content":"c","to":"nobody"}
ann < {"type":"error","code":"no_connection","message":"You have no connection with that user. Connect with a code of theirs first.","request":"ask"}
  bob opens
bob < {"type":"connected","clientId":"id-2","version":"1.2.3","challenge":"…"}
bob > {"type":"identify","username":"bob"}
bob < {"type":"identified","username":"bob","nickname":"bob","clientId":"id-2"}
bob > {"type":"connect","code":"zzz zzz"}
bob < {"type":"error","code":"invalid_code","message":"This code does not work: it may be mistyped, expired or used. Ask your friend for a new one.","request":"connect"}
bob > {"type":"connect","code":"22-22 22","from":"Ann"}
ann < {"type":"friend_connected","connectionId":"id-3","friend":{"username":"bob","nickname":"bob"},"durable":false}
bob < {"type":"connected_to_friend","connectionId":"id-3","friend":{"username":"Ann","nickname":"Anna \"A.\" 🦊"},"durable":false}
bob > {"type":"connect","code":"222222"}
bob < {"type":"error","code":"invalid_code","message":"This code does not work: it may be mistyped, expired or used. Ask your friend for a new one.","request":"connect"}
bob > {"type":"list_connections","id":"l-1"}
bob < {"type":"connections","connections":[{"connectionId":"id-3","friend":{"username":"Ann","nickname":"Anna \"A.\" 🦊"},"online":true,"durable":false}]}
bob > {"type":"ask","content":"How?"}
ann < {"type":"question","content":"How?","from":"bob","fromNickname":"bob"}
bob < {"type":"question_sent","content":"How?","to":"Anna \"A.\" 🦊","status":"forwarded","remaining":9}
bob > {"type":"ask","content":"Line 1\nLine 2 \"quoted\" \\ é 李 🦊","to":"ANN","id":"q-1"}
ann < {"type":"question","content":"Line 1\nLine 2 \"quoted\" \\ é 李 🦊","from":"bob","fromNickname":"bob","id":"q-1"}
bob < {"type":"question_sent","content":"Line 1\nLine 2 \"quoted\" \\ é 李 🦊","to":"Anna \"A.\" 🦊","status":"forwarded","remaining":8,"id":"q-1"}
ann > {"type":"answer","content":"So.","to":"bob","id":"a-1","replyTo":"q-1"}
ann < {"type":"answer_sent","content":"So.","to":"bob","status":"forwarded","id":"a-1"}
bob < {"type":"answer","content":"So.","from":"Ann","fromNickname":"Anna \"A.\" 🦊","id":"a-1","replyTo":"q-1"}
ann > {"type":"answer","content":"So.","replyTo":"q-1"}
ann < {"type":"answer_sent","content":"So.","to":"bob","status":"forwarded"}
bob < {"type":"answer","content":"So.","from":"Ann","fromNickname":"Anna \"A.\" 🦊","replyTo":"q-1"}
ann > {"type":"answer","content":"","id":"not an id","replyTo":5}
ann < {"type":"answer_sent","content":"","to":"bob","status":"forwarded"}
bob < {"type":"answer","content":"","from":"Ann","fromNickname":"Anna \"A.\" 🦊"}
ann > {"type":"ask","content":5}
ann < {"type":"error","code":"bad_message","message":"The field \"content\" must be a string.","request":"ask"}
ann > {"type":"ask","content":"\ud83e","id":"q-2"}
ann < {"type":"error","code":"bad_message","message":"The field \"content\" holds half of a surrogate pair: send whole characters.","request":"ask","id":"q-2"}
bob > {"type":"create_invite"}
bob < {"type":"invite_created","code":"322222","from":"bob","expiresIn":"30 minutes","expiresAt":1750001800000}
ann > {"type":"connect","code":"322222"}
ann < {"type":"connected_to_friend","connectionId":"id-3","friend":{"username":"bob","nickname":"bob"},"durable":false}
bob < {"type":"friend_connected","connectionId":"id-3","friend":{"username":"Ann","nickname":"Anna \"A.\" 🦊"},"durable":false}
  cy opens
cy < {"type":"connected","clientId":"id-4","version":"1.2.3","challenge":"…"}
bob > {"type":"create_invite"}
bob < {"type":"invite_created","code":"422222","from":"bob","expiresIn":"30 minutes","expiresAt":1750001800000}
cy > {"type":"connect","code":"ZZZZZZ","username":"ann"}
  ann pongs
cy < {"type":"error","code":"username_taken","message":"Somebody who is here uses this username. Choose another one.","request":"connect"}
cy > {"type":"connect","code":"422222","username":"cy","nickname":"Cyd"}
bob < {"type":"friend_connected","connectionId":"id-5","friend":{"username":"cy","nickname":"Cyd"},"durable":false}
cy < {"type":"connected_to_friend","connectionId":"id-5","friend":{"username":"bob","nickname":"bob"},"durable":false}
bob > {"type":"ask","content":"whom?","id":"q-3"}
bob < {"type":"error","code":"recipient_required","message":"You have several friends here. Name one of them: put the username in \"to\".","request":"ask","id":"q-3"}
bob > {"type":"ask","content":"you","to":"cy","id":"q-3"}
bob < {"type":"question_sent","content":"you","to":"Cyd","status":"forwarded","remaining":7,"id":"q-3"}
cy < {"type":"question","content":"you","from":"bob","fromNickname":"bob","id":"q-3"}
bob > {"type":"disconnect"}
bob < {"type":"error","code":"bad_message","message":"The field \"to\" is missing: send a string.","request":"disconnect"}
bob > {"type":"disconnect","to":"nobody"}
bob < {"type":"error","code":"no_connection","message":"You have no connection with that user. Connect with a code of theirs first.","request":"disconnect"}
bob > {"type":"disconnect","to":"cy"}
bob < {"type":"friend_disconnected","friend":{"username":"cy","nickname":"Cyd"},"connectionId":"id-5","reason":"left"}
cy < {"type":"friend_disconnected","friend":{"username":"bob","nickname":"bob"},"connectionId":"id-5","reason":"left"}
cy > {"type":"list_connections"}
cy < {"type":"connections","connections":[]}
  bob asks 10
ann < {"type":"question","content":"more","from":"bob","fromNickname":"bob"}
ann < {"type":"question","content":"more","from":"bob","fromNickname":"bob"}
ann < {"type":"question","content":"more","from":"bob","fromNickname":"bob"}
ann < {"type":"question","content":"more","from":"bob","fromNickname":"bob"}
ann < {"type":"question","content":"more","from":"bob","fromNickname":"bob"}
ann < {"type":"question","content":"more","from":"bob","fromNickname":"bob"}
ann < {"type":"question","content":"more","from":"bob","fromNickname":"bob"}
bob < {"type":"question_sent","content":"more","to":"Anna \"A.\" 🦊","status":"forwarded","remaining":6}
bob < {"type":"question_sent","content":"more","to":"Anna \"A.\" 🦊","status":"forwarded","remaining":5}
bob < {"type":"question_sent","content":"more","to":"Anna \"A.\" 🦊","status":"forwarded","remaining":4}
bob < {"type":"question_sent","content":"more","to":"Anna \"A.\" 🦊","status":"forwarded","remaining":3}
bob < {"type":"question_sent","content":"more","to":"Anna \"A.\" 🦊","status":"forwarded","remaining":2}
bob < {"type":"question_sent","content":"more","to":"Anna \"A.\" 🦊","status":"forwarded","remaining":1}
bob < {"type":"question_sent","content":"more","to":"Anna \"A.\" 🦊","status":"forwarded","remaining":0}
bob < {"type":"error","code":"rate_limited","message":"Too fast. Wait \"retryAfterMs\" milliseconds and send it again.","retryAfterMs":6000,"request":"ask"}
bob < {"type":"error","code":"rate_limited","message":"Too fast. Wait \"retryAfterMs\" milliseconds and send it again.","retryAfterMs":6000,"request":"ask"}
bob < {"type":"error","code":"rate_limited","message":"Too fast. Wait \"retryAfterMs\" milliseconds and send it again.","retryAfterMs":6000,"request":"ask"}
  ann closes
bob < {"type":"friend_disconnected","friend":{"username":"Ann","nickname":"Anna \"A.\" 🦊"},"connectionId":"id-3","reason":"closed"}
bob > {"type":"create_invite"}
bob < {"type":"invite_created","code":"522222","from":"bob","expiresIn":"30 minutes","expiresAt":1750001800000}
  dan opens
dan < {"type":"connected","clientId":"id-6","version":"1.2.3","challenge":"…"}
dan > {"type":"connect","code":"522222","username":"dan"}
bob < {"type":"friend_connected","connectionId":"id-7","friend":{"username":"dan","nickname":"dan"},"durable":false}
dan < {"type":"connected_to_friend","connectionId":"id-7","friend":{"username":"bob","nickname":"bob"},"durable":false}
  30 minutes
bob < {"type":"friend_disconnected","friend":{"username":"dan","nickname":"dan"},"connectionId":"id-7","reason":"idle"}
dan < {"type":"friend_disconnected","friend":{"username":"bob","nickname":"bob"},"connectionId":"id-7","reason":"idle"}
bob > {"type":"list_connections"}
bob < {"type":"connections","connections":[]}
  bob restarts
bob < {"type":"restarting","retryAfterMs":4000}
cy < {"type":"restarting","retryAfterMs":4000}
dan < {"type":"restarting","retryAfterMs":4000}
`;

test('guests are told what they were always told, byte for byte', async () => {
  assert.is(await recorded(TRANSCRIPT), TRANSCRIPT.trim());
});

test.run();
