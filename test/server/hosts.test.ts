/** Protocol part 6, Host and Origin: by which names the exchange may be addressed, and from which pages. */
import * as assert from 'uvu/assert';
import { Hosts } from '../../src/server/hosts.ts';
import { suite } from '../harness.ts';

const test = suite('hosts');

/** On a loopback address, by default. */
function hosts({ names = [] as string[], origins = [] as string[], host = '127.0.0.1', ports = [8082] } = {}): Hosts {
  return new Hosts(names, origins, host, ports);
}

test('on a loopback address it is localhost, 127.0.0.1 or [::1], each with its port', () => {
  for (const host of ['127.0.0.1', '::1', 'localhost', '127.0.0.9']) {
    const loopback = hosts({ host, ports: [8082, 8443] });
    for (const name of ['localhost', 'LocalHost', '127.0.0.1', '[::1]'])
      for (const port of [8082, 8443]) assert.ok(loopback.allowsHost(`${name}:${port}`), `${name}:${port}`);
    const others = ['localhost', '127.0.0.1', 'localhost:8083', 'localhost:80820', 'evil.example:8082', '', ':8082'];
    for (const name of [...others, 'localhost:8082.evil.example', 'evil.example/localhost:8082', '192.168.1.1:8082'])
      assert.not(loopback.allowsHost(name), name);
  }
  const usual = hosts({ ports: [80] });
  for (const name of ['localhost', 'localhost:80', '[::1]']) assert.ok(usual.allowsHost(name), name);
});

test('where hosts are named, those and no others', () => {
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const named = hosts({ names: ['magi.example', 'other.example:9000', '[2001:db8::1]:9000'], host });
    for (const name of ['magi.example', 'MAGI.Example', 'magi.example:443', 'magi.example:80', 'other.example:9000'])
      assert.ok(named.allowsHost(name), name);
    assert.ok(named.allowsHost('[2001:DB8::1]:9000'));
    for (const name of ['magi.example:9000', 'other.example', 'localhost:8082', 'a.magi.example', 'magi.example.', ''])
      assert.not(named.allowsHost(name), name);
  }
});

test('on another address, where none are named, any', () => {
  const open = hosts({ host: '0.0.0.0' });
  for (const name of ['anything.example', '192.0.2.1:8082', '']) assert.ok(open.allowsHost(name), name);
});

test('a program sends no Origin and is let in', () => {
  for (const set of [hosts(), hosts({ names: ['magi.example'] }), hosts({ host: '0.0.0.0' })])
    assert.ok(set.allowsOrigin('', 'localhost:8082'));
});

test('a page of one of the hosts is let in, any other is not', () => {
  const loopback = hosts();
  for (const origin of [
    'http://localhost:8082',
    'https://127.0.0.1:8082',
    'http://[::1]:8082',
    'HTTP://LOCALHOST:8082',
  ])
    assert.ok(loopback.allowsOrigin(origin, 'localhost:8082'), origin);
  const strangers = [
    'http://localhost',
    'http://localhost:3000',
    'https://evil.example',
    'null',
    'localhost:8082',
    'file://',
  ];
  for (const origin of [
    ...strangers,
    'http://localhost:8082/',
    'http://localhost:8082.evil.example',
    'ftp://localhost:8082',
  ])
    assert.not(loopback.allowsOrigin(origin, 'localhost:8082'), origin);
  const named = hosts({ names: ['magi.example'] });
  assert.ok(named.allowsOrigin('https://magi.example', 'magi.example'));
  assert.not(named.allowsOrigin('https://evil.example', 'evil.example'), 'a Host of the same name proves nothing');
});

test('an origin that is allowed by name is let in as a whole', () => {
  const allowing = hosts({ origins: ['https://app.example', 'chrome-extension://abcdef'] });
  for (const origin of ['https://app.example', 'https://APP.example', 'chrome-extension://abcdef'])
    assert.ok(allowing.allowsOrigin(origin, 'localhost:8082'), origin);
  for (const origin of [
    'http://app.example',
    'https://app.example:8443',
    'https://a.app.example',
    'chrome-extension://x',
  ])
    assert.not(allowing.allowsOrigin(origin, 'localhost:8082'), origin);
  assert.not(allowing.allowsHost('app.example'), 'an origin is not a host');
});

test('where any Host goes, a page may speak to the host that it came from', () => {
  const open = hosts({ host: '0.0.0.0' });
  assert.ok(open.allowsOrigin('http://192.0.2.1:8082', '192.0.2.1:8082'));
  assert.ok(open.allowsOrigin('https://magi.example', 'MAGI.example:443'));
  assert.not(open.allowsOrigin('https://evil.example', '192.0.2.1:8082'));
  assert.not(open.allowsOrigin('null', 'null'));
});

test.run();
