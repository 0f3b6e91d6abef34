/** What limits are counted by, what a log may say of an address, and which one a forwarded request comes from (protocol part 5). */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { addressKind, addressOfBytes, addressOfText, clientAddress, isLoopbackHost } from '../../src/server/address.ts';
import { suite } from '../harness.ts';

const test = suite('address');

const v6 = (...groups: number[]) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
const text6 = (bytes: Uint8Array) =>
  Array.from({ length: 8 }, (_, n) => (((bytes[2 * n] ?? 0) << 8) | (bytes[2 * n + 1] ?? 0)).toString(16)).join(':');

test('of an IPv4 address all counts, of an IPv6 one the first 64 bits', () => {
  assert.is(addressOfBytes(Uint8Array.of(192, 0, 2, 1)), '192.0.2.1');
  assert.is(addressOfBytes(v6(0x2001, 0xdb8, 0, 1, 2, 3, 4, 5)), '2001:db8:0:1::');
  assert.is(addressOfBytes(v6(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x201)), '192.0.2.1');
  assert.is(addressOfBytes(v6(0, 0, 0, 0, 0, 0, 0, 1)), '::1');
  assert.is(addressOfBytes(v6(0, 0, 0, 0, 0, 0, 0, 2)), '0:0:0:0::');
  // A part of a larger buffer, as a socket may hand it over.
  assert.is(addressOfBytes(v6(9, 0x2001, 0xdb8, 0, 1, 2, 3, 4, 5).subarray(2)), '2001:db8:0:1::');
});

test('text is read like bytes, in every way in which an address can be written', () => {
  const bytes6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const sparse = fc
    .array(fc.constantFrom(0, 0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
    .map((groups) => v6(...groups));
  fc.assert(
    fc.property(fc.oneof(bytes6, sparse), (bytes) => {
      const expected = addressOfBytes(bytes);
      const long = text6(bytes);
      const short = new URL(`http://[${long}]`).hostname;
      for (const text of [long, long.toUpperCase(), short, `${short}:8080`, ` ${long} `, `${short.slice(1, -1)}%eth0`])
        assert.is(addressOfText(text), expected, text);
      // The last two groups may be written like an IPv4 address.
      const dotted = `${long.split(':').slice(0, 6).join(':')}:${bytes.slice(12).join('.')}`;
      assert.is(addressOfText(dotted), expected, dotted);
    }),
  );
  fc.assert(
    fc.property(fc.ipV4(), fc.nat({ max: 65_535 }), (text, port) => {
      const expected = addressOfBytes(Uint8Array.from(text.split('.').map(Number)));
      for (const written of [text, `${text}:${port}`, ` ${text}`, `::ffff:${text}`, `[::ffff:${text}]:${port}`])
        assert.is(addressOfText(written), expected, written);
    }),
  );
});

test('two addresses of one /64 are one, those of two are two', () => {
  const group = fc.integer({ min: 1, max: 0xffff });
  const half = fc.tuple(group, group, group, group);
  fc.assert(
    fc.property(half, half, half, (net, one, other) => {
      const [first, second] = [addressOfBytes(v6(...net, ...one)), addressOfBytes(v6(...net, ...other))];
      assert.is(first, second);
      assert.is(addressOfBytes(v6(...other, ...net)) === first, other.join() === net.join());
      assert.is(addressOfText(first), first, 'it can be read again');
    }),
  );
});

test('what is no address is none', () => {
  const nonsense = [
    '',
    ' ',
    'unknown',
    '_hidden',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4:',
    '1.2.3.4:x',
  ];
  for (const text of [
    ...nonsense,
    '::g',
    '1::2::3',
    '[::1',
    '::1]',
    '[]',
    '[1.2.3',
    ':::',
    '1:2:3:4:5:6:7:8:9',
    '<script>',
  ])
    assert.is(addressOfText(text), undefined, text);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.[]%') })), (text) => {
      const address = addressOfText(text);
      if (address !== undefined) assert.match(address, /^(\d+\.\d+\.\d+\.\d+|[0-9a-f]+(:[0-9a-f]+){3}::|::1)$/);
    }),
    { numRuns: 1_000 },
  );
});

test('the address of a request is as many entries from the right as there are proxies', () => {
  const forwarded = '203.0.113.1, 198.51.100.2 ,2001:db8::3';
  const socket = '127.0.0.1';
  const told: [proxies: number, address: string][] = [
    [0, socket],
    [1, '2001:db8:0:0::'],
    [2, '198.51.100.2'],
    [3, '203.0.113.1'],
    [4, 'unknown'],
  ];
  for (const [proxies, address] of told) assert.is(clientAddress(socket, forwarded, proxies), address);
  for (const nothing of ['', ',', 'unknown', '198.51.100.2,', '198.51.100.2, nonsense'])
    assert.is(clientAddress(socket, nothing, 1), 'unknown', nothing);
});

test('whatever a client puts in front, the entry of the nearest proxy decides', () => {
  fc.assert(
    fc.property(fc.string(), fc.ipV4(), (forged, real) => {
      assert.is(clientAddress('127.0.0.1', `${forged}, ${real}`, 1), addressOfText(real));
      assert.is(clientAddress('127.0.0.1', forged, 0), '127.0.0.1');
    }),
  );
});

test('a log may say localhost, private or remote', () => {
  const kinds = {
    localhost: ['127.0.0.1', '127.255.255.254', '::1'],
    private: [
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.1.1',
      'fc00:0:0:0::',
      'fdff:1:2:3::',
      'fe80:0:0:0::',
    ],
    remote: [
      '192.0.2.1',
      '172.32.0.1',
      '11.0.0.1',
      '128.0.0.1',
      '2001:db8:0:1::',
      '0:0:0:0::',
      'fec0:0:0:0::',
      'unknown',
      '',
    ],
  };
  for (const [kind, addresses] of Object.entries(kinds))
    for (const address of addresses) assert.is(addressKind(address), kind, address);
});

test('which hosts are reached from this machine alone', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost', 'LocalHost'])
    assert.ok(isLoopbackHost(host), host);
  for (const host of [
    '0.0.0.0',
    '::',
    '192.168.1.1',
    '128.0.0.1',
    'example.org',
    'localhost.example.org',
    '127.0.0.1.example.org',
    '',
  ])
    assert.not(isLoopbackHost(host), host);
});

test.run();
