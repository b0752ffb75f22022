import type { TimerHandle } from "../core/clock.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { environment } from "../core/environment.ts";
import { isRejected } from "../core/errors.ts";
import type { EventSink } from "../core/events.ts";
import { platform } from "../core/platform.ts";
import { compose } from "../core/policy.ts";
import { bulkhead } from "../policies/bulkhead.ts";
import { timeout } from "../policies/timeout.ts";
import { tellDocument } from "./document-events.ts";
import type { DocumentPolicy } from "./document-policy.ts";
import type { DocumentSource } from "./document-sources.ts";
import { OverrideEnds } from "./override-ends.ts";
import type { PolicyDocument } from "./wire.ts";

/** Why a document is not in force here. What was in force before it still is. */
export interface DocumentRefusal {
  readonly name: string;
  readonly version: number;
  /** What its text says that will not do here, with line and column. */
  readonly reason: string;
}

export interface DocumentFollowerOptions {
  /** Where documents come from: `documentsOverHttp(...)`, `documentsIn(store)`. */
  readonly source: DocumentSource;
  /** The policies that go by them, by the names of the documents. */
  readonly policies: Readonly<Record<string, Pick<DocumentPolicy<never, never>, "set">>>;
  /** How long between two questions, without news. Default `"30s"`. */
  readonly every?: Duration;
  /** Hears of each document that is refused, once for each version. */
  readonly onRefused?: (refusal: DocumentRefusal) => void;
  /** Hears of a source that cannot be asked; all stays as it is, and it is asked again. */
  readonly onLost?: (error: unknown) => void;
  /** Gets `document.applied` and `document.refused`, such as the sink that the policies have: so operators hear of it too. */
  readonly sink?: EventSink;
  /** Default the platform's. */
  readonly clock?: typeof platform.clock;
}

/** What is known of a document here. */
export interface FollowedDocument {
  /** The version in force here; `null` while that is the policy's own text. */
  readonly version: number | null;
  /** That version was an override, and has ended here while nobody could be asked: what was beneath it is in force. */
  readonly ended?: true;
  /** The newest one that was refused since. */
  readonly refused?: DocumentRefusal;
}

/** Keeps policies as their documents are. */
export interface DocumentFollower {
  /** What is in force here, and what was refused, by name. */
  readonly state: Readonly<Record<string, FollowedDocument>>;
  /** Asks now, for those who have a moment: an isolate whose request comes by. Never rejects. */
  poll(): Promise<void>;
  /** Asks now, and then again and again, on a timer that keeps no process alive, and at once when there is news. */
  start(): void;
  stop(): void;
}

/**
 * Has policies follow their documents while they run: no call is dropped, and a document that is refused says why.
 *
 * One that cannot be parsed here (it has a name that this scope does not know, say) leaves the version before in force; the
 * next one that can is put in force. At the end of an override the source is asked; where it cannot be, what the override
 * covers comes back by itself, by the clock of whoever follows.
 *
 * @example
 * const prices = documentPolicy("retry(3)");
 * const follower = documentFollower({
 *   source: documentsOverHttp({ url: "https://edge.example.com", token }),
 *   policies: { prices },
 *   onRefused: ({ name, version, reason }) => console.warn(name, version, reason),
 * });
 * follower.start();
 */
export function documentFollower(options: DocumentFollowerOptions): DocumentFollower {
  const { source, policies, clock = platform.clock, onRefused = () => {}, onLost = () => {}, sink } = options;
  const every = milliseconds(options.every ?? "30s", "documentFollower: every");
  const known = new Map<string, FollowedDocument>(
    Object.keys(policies).map((name) => [name, { version: null }]),
  );
  const overrides = new OverrideEnds();
  let timer: TimerHandle;
  let ending: TimerHandle;
  let silence: (() => void) | undefined;
  /** Questions are asked one after the other, and those that nobody has asked yet are one. */
  const inTurn = compose(
    environment({ clock, name: "documents" }),
    bulkhead({ limit: 1, queue: 1, maximumWait: "20s" }),
    timeout("10s"),
  );

  function put(document: PolicyDocument): void {
    const { name, text, version } = document;
    const before = known.get(name);
    if (before === undefined || version <= Math.max(before.version ?? -1, before.refused?.version ?? -1))
      return;
    try {
      policies[name]?.set(text);
      known.set(name, { version });
      overrides.note(document);
      if (sink !== undefined) tellDocument(sink, clock.wall(), { name, version });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const refused = { name, version, reason };
      known.set(name, { ...before, refused });
      if (sink !== undefined) tellDocument(sink, clock.wall(), refused);
      onRefused(refused);
    }
  }

  /** Ends the overrides whose time is over: the source, by whose clock they end, cannot be asked. */
  function endOverrides(): void {
    for (const { name, text } of overrides.take(clock.wall())) {
      try {
        policies[name]?.set(text);
        // Whatever comes after the override in the source is news all the same.
        known.set(name, { ...(known.get(name) as FollowedDocument), ended: true });
      } catch {
        // It parsed where it comes from, and not here: the override is then the better of the two.
      }
    }
  }

  async function poll(): Promise<void> {
    try {
      const documents = await inTurn.execute(({ signal }) => source.read(signal));
      for (const document of documents ?? []) put(document);
    } catch (error) {
      // One that did not fit into the queue is answered with the one that waits.
      if (!isRejected(error, "bulkhead-full")) {
        endOverrides();
        onLost(error);
      }
    }
    if (silence !== undefined) askAtEnd();
  }

  /** Asks when the next override ends, if nobody asks before. */
  function askAtEnd(): void {
    clock.clearTimer(ending);
    const left = overrides.next - clock.wall();
    // What is over by this clock and not by the source's is asked about in turn.
    if (left <= 0 || left >= every) return;
    ending = clock.setTimer(() => void poll(), left);
    clock.keepAlive(ending, false);
  }

  function tick(): void {
    void poll();
    timer = clock.setTimer(tick, every);
    clock.keepAlive(timer, false);
  }

  return {
    get state() {
      return Object.fromEntries(known);
    },
    poll,
    start() {
      if (silence !== undefined) return;
      silence = source.listen(() => void poll());
      tick();
    },
    stop() {
      silence?.();
      silence = undefined;
      clock.clearTimer(timer);
      clock.clearTimer(ending);
    },
  };
}
