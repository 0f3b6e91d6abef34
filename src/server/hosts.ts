/**
 * By which names the exchange may be addressed (protocol part 6, Host and Origin). It keeps web pages of others out: a page that made
 * its own name point to this address sends its own name as Host, and a page that opens a WebSocket here sends its Origin.
 */
import { isLoopbackHost } from './address.ts';

export class Hosts {
  /** Undefined: any, since nobody said which. */
  readonly #hosts: ReadonlySet<string> | undefined;
  readonly #origins: ReadonlySet<string>;

  /** `ports`: those that are listened on. */
  constructor(
    publicHosts: readonly string[],
    allowedOrigins: readonly string[],
    host: string,
    ports: readonly number[],
  ) {
    this.#origins = new Set(allowedOrigins);
    if (publicHosts.length > 0) this.#hosts = new Set(publicHosts.map(plain));
    else if (isLoopbackHost(host))
      this.#hosts = new Set(
        ['localhost', '127.0.0.1', '[::1]', host.includes(':') ? `[${host}]` : host.toLowerCase()].flatMap((name) =>
          ports.map((port) => plain(`${name}:${port}`)),
        ),
      );
  }

  /** The authorities that a client may have dialled, as it has to sign them (protocol part 2); empty when nobody said which. */
  get authorities(): readonly string[] {
    return [...(this.#hosts ?? [])];
  }

  allowsHost(host: string): boolean {
    return this.#hosts === undefined || this.#hosts.has(plain(host.toLowerCase()));
  }

  /** `origin`: '' when the request has none, as programs do not. */
  allowsOrigin(origin: string, host: string): boolean {
    if (origin === '' || this.#origins.has(origin.toLowerCase())) return true;
    const authority = /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1];
    if (authority === undefined) return false;
    // Where any Host goes, a page may only speak to the host that it came from.
    return this.#hosts?.has(plain(authority)) ?? plain(authority) === plain(host.toLowerCase());
  }
}

/** Without the port that a scheme implies. */
function plain(authority: string): string {
  return authority.replace(/:(80|443)$/, '');
}
