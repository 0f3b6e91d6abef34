/**
 * The floor: bare uWebSockets.js that reads and writes what the exchange reads and writes for the same load, byte for byte in
 * number, and does nothing else. Two sockets are a pair by the path they open; nothing that they send is looked at.
 * What an exchange costs beyond this row is its own doing. `--strings` hands uWebSockets.js strings instead of buffers.
 */
import { App, us_socket_local_port, type WebSocket } from 'uWebSockets.js';
import type { Side } from '../dialects.ts';
import { sent, told } from '../messages.ts';

interface Data {
  readonly topic: string;
  readonly friendTopic: string;
  readonly pair: number;
  readonly side: Side;
  /** Made with the first message: a client that is only there costs what its socket costs. */
  told?: string | Uint8Array;
  sent?: string | Uint8Array;
}

const strings = process.argv.includes('--strings');
const prepared = (message: object): string | Uint8Array => {
  const text = JSON.stringify(message);
  return strings ? text : Buffer.from(text);
};

const app = App();
app.ws<Data>('/*', {
  maxPayloadLength: 128 * 1024,
  maxBackpressure: 1024 * 1024,
  closeOnBackpressureLimit: true,
  idleTimeout: 60,
  upgrade(res, req, context) {
    const pair = Number(req.getQuery('pair') ?? 0);
    const side = (req.getQuery('side') ?? 'a') as Side;
    res.upgrade<Data>(
      {
        topic: `${pair}/${side}`,
        friendTopic: `${pair}/${side === 'a' ? 'b' : 'a'}`,
        pair,
        side,
      },
      req.getHeader('sec-websocket-key'),
      req.getHeader('sec-websocket-protocol'),
      req.getHeader('sec-websocket-extensions'),
      context,
    );
  },
  open(ws: WebSocket<Data>) {
    ws.subscribe(ws.getUserData().topic);
  },
  message(ws) {
    const data = ws.getUserData();
    data.told ??= prepared(told(data.pair, data.side, 0));
    data.sent ??= prepared(sent(data.pair, data.side, 0));
    app.publish(data.friendTopic, data.told);
    ws.send(data.sent);
  },
});
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('cannot listen');
  console.log(JSON.stringify({ event: 'started', port: us_socket_local_port(socket) }));
});
