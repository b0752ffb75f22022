import type { Report, View } from "../state/sync.ts";

/** What a follower says over its socket, as JSON text. The text `ping` is answered by `pong`. */
export interface FollowRequest {
  /** Comes back with the answer. */
  readonly id: number;
  readonly report: Report;
}

/** What the home says: the answer to a report, or without an `id` what everybody is to know. */
export type FollowMessage =
  | { readonly id?: number; readonly view: View }
  | {
      readonly id: number;
      readonly error: string;
      /** The report will never be taken: it is to be dropped. */
      readonly refused?: boolean;
    };

/** The WebSocket subprotocol. A follower shows its token as `token.<token>` beside it. */
export const followProtocol = "ninelives.follow.v1";

/** The header by which a Worker tells the object until when a follower's token holds, in milliseconds since 1970. */
export const followUntil = "x-ninelives-until";

/** Where a shared thing is followed on a Worker, and reported to by `POST`. */
export const followPath = (name: string): string => `/v1/shared/${encodeURIComponent(name)}`;
