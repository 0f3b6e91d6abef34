/** What programs get from `magi-exchange/client`. */
export { type Asked, Client, type ClientOptions } from './client.ts';
export { Identity } from './identity.ts';
export { Inbox } from './inbox.ts';
export { Outbox } from './outbox.ts';
export { Pins } from './pins.ts';
export { Refused } from './replies.ts';
