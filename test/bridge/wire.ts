/** A bridge and its bare pipes: for what no SDK's client would say, and to see every byte that the bridge says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as assert from 'uvu/assert';
import { eventually, type Json, MAIN, within } from '../harness.ts';
import { type Result, resultOf } from './assistants.ts';

const MODERN = '2026-07-28';

export interface WireOptions {
  readonly url: string;
  readonly username: string;
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly elicitation?: boolean;
  /** What the bridge is started with, when it is not by Node alone. */
  readonly within?: readonly string[];
  readonly args?: readonly string[];
}

export class Wire {
  readonly process: ChildProcess;
  /** Each line that it wrote to standard output, of which every one must be a message of the protocol. */
  readonly lines: string[] = [];
  readonly messages: Json[] = [];
  stderr = '';
  readonly #name: string;
  readonly #elicitation: boolean;
  #id = 0;

  constructor({ url, username, home, env = {}, name = 'claude-code', elicitation = false, ...more }: WireOptions) {
    const [program = process.execPath, ...args] = [...(more.within ?? []), process.execPath];
    this.#name = name;
    this.#elicitation = elicitation;
    const { PATH = '' } = process.env;
    this.process = spawn(
      program,
      [...args, '--disable-warning=ExperimentalWarning', MAIN, 'bridge', ...(more.args ?? [])],
      {
        env: { PATH, MAGI_SERVER: url, MAGI_USERNAME: username, MAGI_HOME: join(home, username), ...env },
        stdio: 'pipe',
      },
    );
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line);
      const message = JSON.parse(line) as Json;
      assert.is(message.jsonrpc, '2.0', line);
      this.messages.push(message);
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.process.stdin?.on('error', () => {});
  }

  /** Any bytes. */
  write(text: string | Uint8Array): void {
    this.process.stdin?.write(text);
  }

  send(message: Json): void {
    this.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** Sends a request and waits for the response, whole. */
  async request(method: string, params: Json): Promise<Json> {
    const id = ++this.#id;
    this.send({ id, method, params });
    return await eventually(() => this.messages.find((message) => message.id === id), `the answer to ${method}`);
  }

  /** The older handshake. */
  async initialize(): Promise<Json> {
    const initialized = await this.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: this.#elicitation ? { elicitation: {} } : {},
      clientInfo: { name: this.#name, version: '1' },
    });
    this.send({ method: 'notifications/initialized' });
    return initialized;
  }

  /** A call by the older handshake. */
  async call(tool: string, args: Json = {}): Promise<Result> {
    const response = await this.request('tools/call', { name: tool, arguments: args });
    assert.ok(response.result, JSON.stringify(response));
    return resultOf(response.result);
  }

  /** A call by the modern handshake, with what the client adds to it the second time; the response as it is. */
  async callModern(tool: string, args: Json, more: Json = {}): Promise<Json> {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientInfo': { name: this.#name, version: '1' },
      'io.modelcontextprotocol/clientCapabilities': this.#elicitation ? { elicitation: { form: {} } } : {},
    };
    const response = await this.request('tools/call', { name: tool, arguments: args, ...more, _meta: meta });
    return (response.result ?? response) as Json;
  }

  /** Ends its standard input and returns its exit code. */
  async end(): Promise<number | null> {
    const ended = this.whenEnded();
    this.process.stdin?.end();
    return await ended;
  }

  async whenEnded(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null)
      await within(once(this.process, 'exit'), 'the bridge to end');
    return this.process.exitCode;
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }
}
