/** `magi-exchange demo`: two people, Ada and Grace, and their first conversation over the published protocol, slow enough to watch. */
import { OperatorError, readConfig } from '../config.ts';

type Message = Record<string, unknown>;

const PAUSE_MS = 900;

const CONVERSATION = [
  ['Ada', 'How did you get the build under a minute?'],
  ['Grace', 'We cache dependencies and test only what a change can reach.'],
  ['Ada', 'And when the cache is wrong?'],
  ['Grace', 'Its key holds the lockfile and the version of the compiler.'],
] as const;

/** `url`: where the exchange is; by default on this machine, at the PORT of its settings. */
export async function demo(url = `ws://127.0.0.1:${readConfig(process.env, false).PORT}`): Promise<void> {
  const say = (who: string, what: string) => process.stdout.write(`${who.padEnd(9)} ${what}\n`);
  const suffix = Math.floor(performance.now() * 1000) % 10_000;
  const ada = await Person.open(url);
  const grace = await Person.open(url);
  try {
    await ada.request({ type: 'identify', username: `ada-${suffix}`, nickname: 'Ada' }, 'identified');
    await grace.request({ type: 'identify', username: `grace-${suffix}`, nickname: 'Grace' }, 'identified');
    say('exchange', `Ada and Grace are here. Watch them: ${url.replace(/^ws/, 'http')}`);
    await pause();
    const { code } = await ada.request({ type: 'create_invite' }, 'invite_created');
    say('Ada', `gives Grace the code ${code}`);
    await pause();
    await grace.request({ type: 'connect', code }, 'connected_to_friend');
    await ada.next('friend_connected');
    say('Grace', 'types the code: they are connected');
    for (const [who, content] of CONVERSATION) {
      await pause();
      const [speaker, listener, type] = who === 'Ada' ? [ada, grace, 'question'] : [grace, ada, 'answer'];
      await speaker.request({ type: type === 'question' ? 'ask' : 'answer', content }, `${type}_sent`);
      const heard = await listener.next(type);
      say(who, `${type === 'question' ? 'asks' : 'answers'}: ${heard.content}`);
    }
    await pause();
  } finally {
    ada.close();
    grace.close();
  }
  say('exchange', 'Both have left.');
}

/** One side of the conversation: a WebSocket, and what it was told. */
class Person {
  readonly #socket: WebSocket;
  readonly #told: Message[] = [];
  #wake: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      this.#told.push(JSON.parse(String(data)) as Message);
      this.#wake();
    });
    socket.addEventListener('close', () => this.#wake());
  }

  static async open(url: string): Promise<Person> {
    const socket = openSocket(url);
    const person = new Person(socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('error', () =>
        reject(new OperatorError(`No exchange answers at ${url}. Start one with: npm start`, 1)),
      );
    });
    await person.next('connected');
    return person;
  }

  async request(message: Message, answer: string): Promise<Message> {
    this.#socket.send(JSON.stringify(message));
    return await this.next(answer);
  }

  /** The next message, which must be of this type. */
  async next(type: string): Promise<Message> {
    while (this.#told.length === 0) {
      if (this.#socket.readyState !== WebSocket.OPEN) throw new OperatorError('The exchange closed the connection.', 1);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const message = this.#told.shift() as Message;
    if (message.type !== type) throw new OperatorError(`The exchange answered: ${message.message ?? message.type}`, 1);
    return message;
  }

  close(): void {
    this.#socket.close();
  }
}

function openSocket(url: string): WebSocket {
  try {
    return new WebSocket(url);
  } catch {
    throw new OperatorError(
      `${JSON.stringify(url)} is not the address of an exchange: it looks like ws://127.0.0.1:8082.`,
      2,
    );
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
