import {
  type Context,
  compose,
  constant,
  type EnvironmentOptions,
  environment,
  exponential,
  type Outcome,
  retry,
  timeout,
} from "ninelives";
import { type LiveMessage, liveProtocol, type SystemState } from "ninelives/observer";
import { ProblemError } from "./api.ts";
import type { Link } from "./model.ts";
import { token, tokenForm } from "./token.ts";

/** What following the observer needs and tells. */
export interface LiveOptions {
  /** Opens a socket, offering these subprotocols. */
  readonly open: (protocols: string[]) => WebSocket;
  /** Asked when no socket opens: it says why, and what it knows is shown until one does. */
  readonly state: () => Promise<SystemState>;
  readonly onMessage: (message: LiveMessage) => void;
  /** The other side answered, though there is nothing new. */
  readonly onPong: () => void;
  readonly onLink: (link: Link) => void;
  /** Another clock, for tests. */
  readonly environment?: EnvironmentOptions;
}

/** The connection to the observer. */
export interface Live {
  /** Leaves the socket that there is, if any, and begins anew: with another token, or when the network is back. */
  restart(): void;
}

/** Milliseconds after which the other side is asked whether it is there. It answers without being woken. */
const askEvery = 5_000;

/** The server wants a token; trying again would not help. */
class Refused extends Error {}

/** Close codes: policy violation, and the unofficial 401 and 403. */
const refusals = [1008, 4401, 4403];
const always = Number.MAX_SAFE_INTEGER;

/**
 * Follows the observer for as long as the page lives.
 *
 * A session is a service that settles when its socket closes, and reconnecting is a retry around it; the opening of a
 * socket is a service of its own, so that its back-off begins anew after each session that worked.
 */
export function followLive(options: LiveOptions): Live {
  const { onLink } = options;
  const retryOn = (outcome: Outcome): boolean => !("error" in outcome && outcome.error instanceof Refused);
  const told = environment({
    ...options.environment,
    name: "dashboard",
    sink: {
      emit: (event) => {
        if (event.type === "retry.attempted" && event.policy === "dashboard")
          onLink({ state: "waiting", until: event.at + event.delay });
      },
    },
  });

  const backoff = exponential("500ms");
  const connect = compose(
    retry({ attempts: always, backoff, jitter: "equal", maximumDelay: "15s", retryOn }),
    timeout("10s"),
  ).wrap((_: undefined, context: Context) => {
    onLink({ state: "connecting" });
    return opened(options, context);
  });
  // A machine that is busy, or was asleep, gets its timers before what waited for it: one silence is no proof.
  const answer = compose(
    environment({ name: "ping" }),
    retry({ attempts: 3, backoff: constant(0) }),
    timeout("10s"),
  ).wrap(askForAnswer);

  async function session(_: undefined, context: Context): Promise<never> {
    const socket = await connect(undefined, context);
    onLink({ state: "live" });
    try {
      return await Promise.race([closed(socket, context), silent(socket, context)]);
    } finally {
      socket.close();
    }
  }

  /** Fails when the other side no longer answers, which a socket alone does not notice for minutes. */
  async function silent(socket: WebSocket, context: Context): Promise<never> {
    while (true) {
      await context.sleep(askEvery);
      if (socket.readyState !== WebSocket.OPEN) throw new Error("the socket closed");
      await answer(socket, context);
    }
  }

  const follow = compose(
    told,
    retry({ attempts: always, backoff: constant("500ms"), jitter: "equal", retryOn }),
  ).wrap(session);

  let current = new AbortController();
  function start(): void {
    const { signal } = current;
    follow(undefined, { signal }).catch(() => {
      if (!signal.aborted) onLink({ state: "refused" });
    });
  }
  start();

  return {
    restart() {
      current.abort();
      current = new AbortController();
      start();
    },
  };
}

function closed(socket: WebSocket, { signal }: Context): Promise<never> {
  return new Promise((_, reject) => {
    socket.onclose = ({ code }) =>
      reject(refusals.includes(code) ? new Refused() : new Error(`the socket closed with ${code}`));
    if (socket.readyState >= WebSocket.CLOSING) reject(new Error("the socket closed"));
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function askForAnswer(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.addEventListener("message", () => resolve(), { once: true });
    socket.send("ping");
  });
}

function protocols(): string[] {
  const shown = token.read();
  return shown !== null && tokenForm.test(shown) ? [liveProtocol, `token.${shown}`] : [liveProtocol];
}

/** A message, or nothing for a `pong` and what a newer server may say. */
function read(data: unknown): LiveMessage | undefined {
  if (typeof data !== "string" || !data.startsWith("{")) return undefined;
  return JSON.parse(data) as LiveMessage;
}

/** A socket that is open, its messages already heard. */
function opened({ open, state, onMessage, onPong }: LiveOptions, { signal }: Context): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = open(protocols());
    signal.addEventListener("abort", () => socket.close(), { once: true });
    socket.onmessage = ({ data }) => {
      const message = read(data);
      if (message === undefined) onPong();
      else onMessage(message);
    };
    socket.onopen = () => resolve(socket);
    // Why an opening fails a browser does not tell: the same door over HTTP does.
    socket.onclose = ({ code }) => {
      if (refusals.includes(code)) return reject(new Refused());
      state().then(
        (known) => {
          onMessage({ type: "snapshot", state: known, events: [] });
          reject(new Error("the socket did not open"));
        },
        (error) => reject(error instanceof ProblemError && error.wantsToken ? new Refused() : error),
      );
    };
  });
}
