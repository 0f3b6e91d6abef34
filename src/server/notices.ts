/**
 * What whoever runs the exchange should know: a sentence for the log, said once, and a code for the stats, which everybody may read
 * and which says nothing but that. The dashboard has its own words for each code.
 */

const SENTENCES = {
  trial_password: 'the admin password is the published trial one: good for a try-out on this machine only',
  hosts_unset:
    'PUBLIC_HOSTS is not set and others can reach this address: any Host is answered, and nobody can identify with a key',
  proxy_untrusted:
    'requests come with a forwarding header and TRUST_PROXY is 0: all clients of the proxy share one address',
  one_address:
    'over half of all clients come from one address: behind a proxy, set TRUST_PROXY to how many stand in front',
  setting_unknown: 'a setting changes nothing',
} as const;

/** Stable: other programs may look for them in the stats. */
export type NoticeCode = keyof typeof SENTENCES;

export class Notices {
  readonly #say: (sentence: string) => void;
  readonly #said = new Set<string>();
  readonly #holding = new Set<NoticeCode>();

  /** `say`: tells the log. */
  constructor(say: (sentence: string) => void) {
    this.#say = say;
  }

  /** What holds now. */
  get codes(): readonly NoticeCode[] {
    return [...this.#holding];
  }

  /** From now on this holds, or does not. `sentence`: in place of the usual one. */
  note(code: NoticeCode, holds: boolean, sentence: string = SENTENCES[code]): void {
    if (!holds) {
      this.#holding.delete(code);
      return;
    }
    this.#holding.add(code);
    if (this.#said.has(sentence)) return;
    this.#said.add(sentence);
    this.#say(sentence);
  }
}
