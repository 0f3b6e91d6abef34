/** One message on the wire, as the simulator reads and writes it: only the fields that it looks at. */

interface FriendOnWire {
  readonly username: string;
  readonly nickname: string;
}

export interface Frame {
  readonly type: string;
  readonly username?: string;
  readonly nickname?: string;
  readonly challenge?: string;
  readonly clientId?: string;
  readonly publicKey?: string;
  readonly host?: string;
  readonly signature?: string;
  readonly code?: string;
  readonly content?: string;
  readonly to?: string;
  readonly from?: string;
  readonly id?: string;
  readonly replyTo?: string;
  readonly deliveryId?: string;
  readonly deliveryIds?: readonly string[];
  readonly status?: string;
  readonly reason?: string;
  readonly request?: string;
  readonly retryAfterMs?: number;
  readonly pending?: number;
  readonly connectionId?: string;
  readonly durable?: boolean;
  readonly friend?: FriendOnWire;
  readonly connections?: readonly { readonly friend: FriendOnWire; readonly durable: boolean }[];
}
