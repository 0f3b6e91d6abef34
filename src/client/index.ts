/** What `magi-exchange/client` offers to programs. */
export { Client, openClient } from './client.ts';
export type { Entry, Page } from './entries.ts';
export { type ClientCode, MagiError, type MagiErrorCode } from './errors.ts';
export { type Friend, fingerprintOf, type KeyChange, POLICIES, type Policy } from './friends.ts';
export type { Answer, Asked, AskOptions, ClientEvents, ClientOptions, QuestionOptions } from './options.ts';
export type { Outgoing, Status } from './outbox.ts';
export { Question } from './question.ts';
export type { Given } from './settings.ts';
