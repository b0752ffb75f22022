import { known } from "../core/check.ts";
import type { Clock } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import { environment } from "../core/environment.ts";
import { AllFailedError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import { compose, definePolicyFor, identity, orElse } from "../core/policy.ts";
import { exponential } from "../policies/backoff.ts";
import { circuitBreaker } from "../policies/circuit-breaker.ts";
import { type SharedStore, sharedBy } from "../policies/fleet.ts";
import { retry } from "../policies/retry.ts";
import { timeout } from "../policies/timeout.ts";
import type { Report, View } from "../state/sync.ts";
import { followPath, followProtocol } from "./follow-wire.ts";
import { FollowerLine, type FollowerSocket } from "./follower-line.ts";
import { baseUrl, postJson } from "./post-json.ts";

export interface FollowerStoreOptions {
  /** The address of the Worker, such as `https://edge.example.com`. */
  readonly url: string;
  /** A token of the Worker's with a scope `share.<name>` for each name, or `share.<tenant>/*` for all of a tenant's. */
  readonly token: string;
  /** Default the platform's. */
  readonly fetch?: typeof fetch;
  /** Default the platform's. Where there is none, or it cannot connect, reports go by HTTP. */
  readonly webSocket?: new (
    url: string,
    protocols: string[],
  ) => FollowerSocket;
  /** Default the platform's. */
  readonly clock?: Clock;
}

/** A store that holds connections. */
export interface FollowerStore extends SharedStore {
  /** Hangs up. The next report connects again. */
  close(): void;
}

/** A report on its way. */
interface Sync {
  readonly name: string;
  readonly report: Report;
}

interface Followed {
  readonly listeners: Map<string, (view: View) => void>;
  line?: FollowerLine;
  connecting?: Promise<void>;
}

type SocketClass = new (url: string, protocols: string[]) => FollowerSocket;

/** Structural, so that it compiles for every world: Node 20 has no WebSocket, and only pages hide. */
interface Surroundings {
  readonly WebSocket?: SocketClass;
  addEventListener?(type: "pagehide", listener: () => void): void;
}

/**
 * Makes a Node process or a page part of the fleet that a Worker's Durable Objects coordinate.
 *
 * Each name has a WebSocket, which brings changes at once; after a loss the next report rebuilds it, and what was under
 * way goes again by HTTP and counts once. On Cloudflare Workers, where no socket outlives its request, all goes by HTTP.
 * A socket that served no report for a minute is hung up; `close` hangs all up now, to let a process end.
 *
 * @example
 * const shared = followerStore({ url: "https://edge.example.com", token });
 * const circuit = circuitBreaker({ name: "shop/prices", shared });
 */
export function followerStore(options: FollowerStoreOptions): FollowerStore {
  known(options, "followerStore", ["url", "token", "fetch", "webSocket", "clock"]);
  const { token, fetch, clock = platform.clock } = options;
  const base = baseUrl(options.url, "followerStore: url");
  const names = new Map<string, Followed>();
  let hungUp: AbortController | undefined;
  let leaves = false;

  const tell = (name: string) => (view: View) => {
    for (const listener of names.get(name)?.listeners.values() ?? []) listener(view);
  };

  /** Opens a socket, now and then again, and not at all for a while where none can be opened. */
  const connect = compose(
    environment({ clock }),
    retry({ attempts: 4, backoff: exponential("500ms") }),
    circuitBreaker({ name: "followerStore", consecutiveFailures: 4, openFor: "30s" }),
    timeout("5s"),
  ).wrap((name: string, { signal }: Context) => opened(name, signal));

  function opened(name: string, signal: AbortSignal): Promise<FollowerLine> {
    const Socket = options.webSocket ?? (globalThis as Surroundings).WebSocket;
    return new Promise((resolve, reject) => {
      if (Socket === undefined) return reject(new Error("there is no WebSocket here"));
      const url = base.replace(/^http/, "ws") + followPath(name);
      const socket = new Socket(url, [followProtocol, `token.${token}`]);
      signal.addEventListener("abort", () => socket.close());
      socket.addEventListener("open", () => resolve(new FollowerLine(socket, clock, tell(name))));
      const failed = () => reject(new Error(`no socket to ${base}`));
      socket.addEventListener("error", failed);
      socket.addEventListener("close", failed);
    });
  }

  async function follow(name: string, followed: Followed): Promise<void> {
    if (!leaves) {
      leaves = true;
      // An open socket would keep a page from going back to where it was.
      (globalThis as Surroundings).addEventListener?.("pagehide", close);
    }
    hungUp ??= new AbortController();
    try {
      followed.line = await connect(name, { signal: hungUp.signal });
    } catch {
      // Reports go by HTTP; a later one tries again.
    } finally {
      delete followed.connecting;
    }
  }

  const bySocket = definePolicyFor<Sync, View>("bySocket", () => ({ name, report }, { signal }) => {
    const { line } = names.get(name) as Followed;
    return line === undefined ? Promise.reject(new Error("no line yet")) : line.ask(report, signal);
  });

  async function byHttp({ name, report }: Sync, { signal }: Context): Promise<View> {
    const headers = { authorization: `Bearer ${token}` };
    const { json } = await postJson({ url: base + followPath(name), body: report, headers, signal, fetch });
    return json as View;
  }

  const sync = compose(
    environment({ clock }),
    timeout("4s"),
    orElse(compose(timeout("2s"), bySocket), identity),
  ).wrap(byHttp);

  const store = sharedBy({
    async sync(name, report, onNews) {
      const followed = names.get(name) ?? ({ listeners: new Map() } as Followed);
      names.set(name, followed);
      followed.listeners.set(report.replica, onNews);
      // On Workers a socket belongs to the request that opened it, and would be of no use to the next.
      if (followed.line?.open !== true && clock.sharesTimers())
        followed.connecting ??= follow(name, followed);
      try {
        return await sync({ name, report });
      } catch (error) {
        // The home's own answer, with its marks; that there was no line is no news.
        throw error instanceof AllFailedError ? error.errors.at(-1) : error;
      }
    },
  });

  function close(): void {
    hungUp?.abort();
    hungUp = undefined;
    for (const { line } of names.values()) line?.hangUp();
  }

  return { ...store, close };
}
