/** What `magi-exchange/client` offers to programs. */
export {
  type Answer,
  type Asked,
  type AskOptions,
  Client,
  type ClientEvents,
  type ClientOptions,
  openClient,
  type QuestionOptions,
} from './client.ts';
export { type ClientCode, MagiError, type MagiErrorCode } from './errors.ts';
export { type Friend, fingerprintOf, type KeyChange, POLICIES, type Policy } from './friends.ts';
export type { Entry, Page } from './inbox.ts';
export type { Outgoing, Status } from './outbox.ts';
export { Question } from './question.ts';
export type { Given } from './settings.ts';
