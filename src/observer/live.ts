import type { PolicyEvent } from "../core/events.ts";
import type { AlertReport } from "./alerts.ts";
import type { AbsentShards, Gap, PolicyState, SystemState } from "./system-state.ts";

/** An event as the observer saw it: timed by its own clock, with where it came from. */
export type ObservedEvent = PolicyEvent & {
  /** The kind and the short id of the source, such as `page 3f9c` or `worker a01b`. */
  readonly source: string;
};

/**
 * What the server says on `/v1/live`, as JSON text: by WebSocket, or as the data of server-sent events.
 *
 * First a snapshot, then deltas; at most 10 messages a second. Who offers the `place` of the last message (`?after=`, or
 * `Last-Event-ID`) within a minute gets a delta from there instead, if the observer has not been restarted.
 */
export type LiveMessage =
  | {
      readonly type: "snapshot";
      /** Where this is in the stream: who comes back with it soon gets what was missed. Older servers tell none. */
      readonly place?: string;
      readonly state: SystemState;
      /** The newest last; at most 200. */
      readonly events: readonly ObservedEvent[];
    }
  | {
      readonly type: "delta";
      readonly place?: string;
      /** The observer's clock. */
      readonly at: number;
      readonly totals: { readonly events: number; readonly dropped: number };
      /** The policies that changed, whole; every five seconds all that a window still knows, since windows age. */
      readonly policies: readonly PolicyState[];
      /** The policies that made room for others: nothing more is told of them. Absent where there are none. */
      readonly forgotten?: readonly string[];
      /** All rules for alerts, whole; absent where the observer has none. */
      readonly alerts?: readonly AlertReport[];
      /** Where the windows miss something, as in the state; absent where they miss nothing. */
      readonly gaps?: readonly Gap[];
      /** The shards of the observer that do not answer now; absent where all do. */
      readonly absent?: AbsentShards;
      /** The events since the message before, newest last; those that were too many are counted in `skipped`. */
      readonly events: readonly ObservedEvent[];
      readonly skipped: number;
    };

/** What a client may say on `/v1/live`; the server answers `pong`. */
export type LiveRequest = "ping";

/** The WebSocket subprotocol of `/v1/live`. A client that must show a token offers `token.<token>` beside it. */
export const liveProtocol = "ninelives.v1";
