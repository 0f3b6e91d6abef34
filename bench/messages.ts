/** What is said in every row: the same bytes, so that the rows differ in what the server does with them. */
import type { Message, Side } from './dialects.ts';

export const CONTENT_BYTES = 100;

/** As many different contents as a burst may hold, so that no server sees the same text twice in a row. */
export const CONTENTS = 16;

/** Seven characters, whatever the pair: all frames of a kind have the same length. */
export const username = (pair: number, side: Side): string => `${side}${String(pair).padStart(6, '0')}`;

export const content = (at: number): string =>
  `${String(at % CONTENTS).padStart(2, '0')} Which of the two drafts do you like better, and what would you change in it first?`
    .padEnd(CONTENT_BYTES, '.')
    .slice(0, CONTENT_BYTES);

const other = (side: Side): Side => (side === 'a' ? 'b' : 'a');

/** What one side says: a asks, b answers. The friend is named, as an assistant with several friends has to. */
export const said = (pair: number, side: Side, at: number): Message => ({
  type: side === 'a' ? 'ask' : 'answer',
  content: content(at),
  to: username(pair, other(side)),
});

/** What the friend of that side is told, field for field as the exchange says it. */
export const told = (pair: number, side: Side, at: number): Message => ({
  type: side === 'a' ? 'question' : 'answer',
  content: content(at),
  from: username(pair, side),
  fromNickname: username(pair, side),
});

/** What that side itself is answered, field for field as the exchange says it. */
export const sent = (pair: number, side: Side, at: number): Message => ({
  type: side === 'a' ? 'question_sent' : 'answer_sent',
  content: content(at),
  to: username(pair, other(side)),
  status: 'forwarded',
  ...(side === 'a' ? { remaining: 10 } : {}),
});
