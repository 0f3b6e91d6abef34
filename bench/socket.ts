/**
 * The smallest WebSocket client that can load a server harder than the server can load it: frames are masked once and sent
 * many times, incoming frames are cut out of the bytes and nothing is parsed.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const MASK = Buffer.from([0x6d, 0x41, 0x47, 0x49]);
const PONG = 10;
const OPEN_MS_MAX = 20_000;

/** All sockets read into these bytes, one read at a time; what has to outlive the read is copied out. */
const inbound = Buffer.allocUnsafe(512 * 1024);

/** One text frame as a client has to send it, masked. A fixed key is allowed and costs the server the same. */
export function maskedFrame(payload: string | Buffer, opcode = 1): Buffer {
  const bytes = Buffer.from(payload as string);
  const length = bytes.length;
  if (length > 0xffff) throw new Error(`a frame of ${length} bytes is not for this bench`);
  const header =
    length < 126 ? [0x80 | opcode, 0x80 | length] : [0x80 | opcode, 0x80 | 126, length >> 8, length & 0xff];
  for (let at = 0; at < length; at++) bytes[at] = (bytes[at] as number) ^ (MASK[at & 3] as number);
  return Buffer.concat([Buffer.from(header), MASK, bytes]);
}

export class RawSocket {
  /** Told of every text frame: its payload lies from `start` to `end` in `bytes`, until the call returns. */
  onFrame: (bytes: Buffer, start: number, end: number) => void = () => {};
  /** Told after the last frame of each read. */
  onRead: () => void = () => {};
  onClosed: (why: string) => void = () => {};
  bytesReceived = 0;
  readonly #tcp: Socket;
  #rest: Buffer | undefined;
  #open = false;
  #opened: () => void = () => {};

  private constructor(tcp: Socket) {
    this.#tcp = tcp;
  }

  /** Opens a WebSocket at `path` of a server on 127.0.0.1. `localAddress` is any address of 127.0.0.0/8. */
  static async open(port: number, path: string, localAddress = '127.0.0.1', prepare = (_: RawSocket) => {}) {
    const tcp = connect({
      port,
      host: '127.0.0.1',
      localAddress,
      noDelay: true,
      onread: {
        buffer: inbound,
        callback: (count, bytes) => {
          socket.#received(bytes as Buffer, count);
          return true;
        },
      },
    });
    const socket = new RawSocket(tcp);
    prepare(socket);
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no WebSocket within ${OPEN_MS_MAX} ms`)), OPEN_MS_MAX);
      socket.#opened = () => {
        clearTimeout(late);
        resolve();
      };
      const failed = (why: string) => {
        clearTimeout(late);
        reject(new Error(why));
        socket.onClosed(why);
      };
      tcp.on('error', (error) => failed(error.message));
      tcp.on('close', () => failed('the server closed the socket'));
      const key = randomBytes(16).toString('base64');
      tcp.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
    });
    return socket;
  }

  /** Sends prepared frames as they are. */
  write(frames: Buffer): void {
    this.#tcp.write(frames);
  }

  /** Reads no more, so that the system's buffers fill up and then the server's. */
  pause(): void {
    this.#tcp.pause();
  }

  resume(): void {
    this.#tcp.resume();
  }

  close(): void {
    this.onClosed = () => {};
    this.#tcp.destroy();
  }

  #received(read: Buffer, count: number): void {
    this.bytesReceived += count;
    const rest = this.#rest;
    const bytes = rest === undefined ? read : Buffer.concat([rest, read.subarray(0, count)]);
    const end = rest === undefined ? count : bytes.length;
    let at = this.#open ? 0 : this.#upgraded(bytes, end);
    while (end - at >= 2) {
      let length = (bytes[at + 1] as number) & 127;
      let start = at + 2;
      if (length === 126) {
        if (end - at < 4) break;
        length = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
        start = at + 4;
      } else if (length === 127) throw new Error('the server sent a frame over 64 KiB');
      if (start + length > end) break;
      const opcode = (bytes[at] as number) & 15;
      if (opcode === 1) this.onFrame(bytes, start, start + length);
      else if (opcode === 9) this.write(maskedFrame(Buffer.from(bytes.subarray(start, start + length)), PONG));
      at = start + length;
    }
    this.#rest = at < end ? Buffer.from(bytes.subarray(at, end)) : undefined;
    if (this.#open) this.onRead();
  }

  /** Returns where the frames begin: behind the HTTP answer, or 0 while it is incomplete. */
  #upgraded(bytes: Buffer, end: number): number {
    const head = bytes.toString('latin1', 0, end);
    const length = head.indexOf('\r\n\r\n') + 4;
    if (length < 4) return 0;
    if (!head.startsWith('HTTP/1.1 101')) throw new Error(`the server refused: ${head.slice(0, 200)}`);
    this.#open = true;
    this.#opened();
    return length;
  }
}
