/** One line of `brainxchange_command`, done as the tool that it stands for. */

import type { Call } from './call.ts';
import { HELP, parse } from './grammar.ts';
import { refused } from './said.ts';

export async function commandOf(line: string, call: Call): ReturnType<Call['ask']> {
  const { bridge } = call;
  const command = parse(line, { friends: bridge.client.friends(), questions: bridge.openQuestions() });
  if ('fault' in command) return refused(command.fault);
  const friend = 'username' in command ? bridge.client.session.friends.known(command.username) : undefined;
  switch (command.kind) {
    case 'create_invite':
      return await call.act({ action: 'create_invite' });
    case 'connect':
      return await call.act({ action: 'connect', code: command.code });
    case 'ask':
      return await call.ask(friend ?? command.username, command.text);
    case 'answer':
      return await call.answer(command.id ?? friend ?? command.username, command.text);
    case 'decline':
      return await call.decline(command.id ?? friend ?? command.username, command.reason);
    case 'inbox':
      return await call.inbox(command.id, command.offset ?? 0, 0);
    case 'disconnect':
      return await call.disconnect(friend ?? command.username);
    case 'friends':
      return bridge.friends();
    case 'status':
      return bridge.status();
    case 'help':
      return { text: HELP, data: { status: 'ok' } };
  }
}
