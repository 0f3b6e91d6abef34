/** Addresses: what limits are counted by, what may be said of one in a log, and which one a forwarded request comes from. */
import { BlockList, isIP, isIPv4 } from 'node:net';

/** A proxy did not tell who is behind it, or told nonsense. All such requests share their limits. */
const UNKNOWN = 'unknown';

const localhost = new BlockList();
localhost.addSubnet('127.0.0.0', 8, 'ipv4');
localhost.addAddress('::1', 'ipv6');

const privates = new BlockList();
privates.addSubnet('10.0.0.0', 8, 'ipv4');
privates.addSubnet('172.16.0.0', 12, 'ipv4');
privates.addSubnet('192.168.0.0', 16, 'ipv4');
privates.addSubnet('169.254.0.0', 16, 'ipv4');
privates.addSubnet('fc00::', 7, 'ipv6');
privates.addSubnet('fe80::', 10, 'ipv6');

/** 4 or 16 bytes, as the socket has them → an IPv4 address, or the /64 of an IPv6 one as `2001:db8:0:1::`; `::1` stays. */
export function addressOfBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2));
  return addressOfGroups(groups);
}

function addressOfGroups(groups: number[]): string {
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  const [high = 0, low = 0] = groups.slice(6);
  if (isMapped) return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  if (groups.slice(0, 7).every((group) => group === 0) && low === 1) return '::1';
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::`;
}

/** The same from text; undefined when it is no address. */
export function addressOfText(text: string): string | undefined {
  const bare = text.trim().replace(/^\[(.*)\](:\d+)?$/, '$1');
  if (isIP(bare) === 0) {
    const withoutPort = bare.replace(/:\d+$/, '');
    return isIPv4(withoutPort) ? withoutPort : undefined;
  }
  if (isIPv4(bare)) return bare;
  const [head = '', tail] = bare
    .replace(/%.*$/, '')
    .replace(/([\d.]+)$/, dottedAsGroups)
    .split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  return addressOfGroups([...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]);
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** The dotted end of an address such as `::ffff:192.0.2.1` as two groups. */
function dottedAsGroups(end: string): string {
  if (!isIPv4(end)) return end;
  const [a = 0, b = 0, c = 0, d = 0] = end.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** The address that limits are counted by. `proxies`: how many stand in front (TRUST_PROXY). */
export function clientAddress(socketAddress: string, forwardedFor: string, proxies: number): string {
  if (proxies === 0) return socketAddress;
  const entries = forwardedFor.split(',');
  // The rightmost entry was added by the proxy next to us. What is further left than our own proxies is hearsay.
  return addressOfText(entries[entries.length - proxies] ?? '') ?? UNKNOWN;
}

/** What a log may say of an address. */
export function addressKind(address: string): 'localhost' | 'private' | 'remote' {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  if (isIP(address) === 0) return 'remote';
  if (localhost.check(address, family)) return 'localhost';
  return privates.check(address, family) ? 'private' : 'remote';
}

/** Whether a server that listens on `host` is reached from this machine alone. */
export function isLoopbackHost(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  return isIP(host) !== 0 && addressKind(host) === 'localhost';
}
