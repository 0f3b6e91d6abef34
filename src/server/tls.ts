/** The certificate and its key (protocol part 5, TLS): looked at before anything listens, so that what is wrong with them is told in a line. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Config, OperatorError } from '../config.ts';

/** PEM files, by their paths. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** Undefined without TLS. `now`: ms. Throws OperatorError when the files cannot be served with. */
export function readTls({ TLS_CERT: cert, TLS_KEY: key }: Config, now: number): Tls | undefined {
  if (cert === '') return undefined;
  const certificate = parse('TLS_CERT', cert, 'a certificate', (pem) => new X509Certificate(pem));
  // A key with a passphrase has to be refused here: what listens would ask for it on the terminal, and wait.
  const privateKey: KeyObject = parse('TLS_KEY', key, 'a private key without a passphrase', (pem) =>
    createPrivateKey(pem),
  );
  if (!certificate.checkPrivateKey(privateKey))
    throw new OperatorError(
      `TLS_KEY ${JSON.stringify(key)} is not the key of the certificate in TLS_CERT ${JSON.stringify(cert)}: they have to belong together.`,
    );
  const end = Date.parse(certificate.validTo);
  if (end <= now)
    throw new OperatorError(
      `TLS_CERT is ${JSON.stringify(cert)}: the certificate has expired on ${new Date(end).toISOString().slice(0, 10)}. Renew it.`,
    );
  return { cert, key };
}

function parse<T>(setting: string, file: string, what: string, read: (pem: Buffer) => T): T {
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    throw new OperatorError(
      `${setting} is ${JSON.stringify(file)}: it cannot be read (${(error as NodeJS.ErrnoException).code}).`,
    );
  }
  try {
    return read(pem);
  } catch {
    throw new OperatorError(`${setting} is ${JSON.stringify(file)}: the file does not hold ${what} in PEM form.`);
  }
}
