/** The store that keeps nothing: what it holds ends with the process. */
import type { Invite, Store } from '../exchange/ports.ts';

export function memoryStore(): Store {
  const invites = new Map<string, Invite>();

  /** Time decides what is live, not the sweep: that only makes room. */
  function live(code: string, now: number): Invite | undefined {
    const invite = invites.get(code);
    return invite !== undefined && invite.expiresAt > now ? invite : undefined;
  }

  return {
    async addInvite(invite, now) {
      if (live(invite.code, now) !== undefined) return false;
      invites.set(invite.code, invite);
      return true;
    },
    async findInvite(code, now) {
      return live(code, now);
    },
    async redeemInvite(code, now) {
      return live(code, now) !== undefined && invites.delete(code);
    },
    async removeInvites(codes) {
      for (const code of codes) invites.delete(code);
    },
    async expire(now) {
      for (const [code, invite] of invites) if (invite.expiresAt <= now) invites.delete(code);
    },
  };
}
