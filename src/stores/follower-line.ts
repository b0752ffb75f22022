import type { Clock, TimerHandle } from "../core/clock.ts";
import type { Report, View } from "../state/sync.ts";
import type { FollowMessage } from "./follow-wire.ts";

/** What the store needs of a WebSocket; the platform's is one. */
export interface FollowerSocket {
  send(text: string): void;
  close(code?: number): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "open" | "close" | "error", listener: () => void): void;
}

interface Asked {
  resolve(view: View): void;
  reject(error: Error): void;
}

/** Milliseconds between a socket's signs of life. */
const beat = 30_000;

/**
 * One open socket to the home of one name: asks, hears, and notices when nobody answers any more.
 */
export class FollowerLine {
  readonly #socket: FollowerSocket;
  readonly #clock: Clock;
  readonly #hear: (view: View) => void;
  readonly #asked = new Map<number, Asked>();
  #id = 0;
  #open = true;
  /** Whether anything was heard, and whether anything was asked, since the last beat. */
  #heard = true;
  #used = true;
  #beat: TimerHandle;

  /** @param socket that is open */
  constructor(socket: FollowerSocket, clock: Clock, hear: (view: View) => void) {
    this.#socket = socket;
    this.#clock = clock;
    this.#hear = hear;
    socket.addEventListener("message", ({ data }) => this.#take(data));
    socket.addEventListener("close", () => this.#lose());
    socket.addEventListener("error", () => this.#lose());
    this.#wait();
  }

  /** Whether it can be asked. */
  get open(): boolean {
    return this.#open;
  }

  /** Sends a report. Rejects when the line is lost before the answer, or is asked to refuse it. */
  ask(report: Report, signal: AbortSignal): Promise<View> {
    return new Promise((resolve, reject) => {
      if (!this.#open) return reject(new Error("the line is lost"));
      const id = ++this.#id;
      this.#used = true;
      this.#asked.set(id, { resolve, reject });
      signal.addEventListener("abort", () => {
        reject(signal.reason);
        // Nobody answered in time, or nobody waits: whether the other side is there at all, a new line tells.
        this.hangUp();
      });
      this.#socket.send(JSON.stringify({ id, report }));
    });
  }

  hangUp(): void {
    this.#socket.close(1000);
    this.#lose();
  }

  #take(data: unknown): void {
    this.#heard = true;
    if (data === "pong") return;
    const message = messageIn(data);
    if (message === undefined) return;
    const asked = this.#asked.get(message.id ?? 0);
    this.#asked.delete(message.id ?? 0);
    if ("error" in message) {
      const { error, refused = false } = message;
      asked?.reject(Object.assign(new Error(error), { refused }));
    } else if (message.id === undefined) this.#hear(message.view);
    else asked?.resolve(message.view);
  }

  #wait(): void {
    this.#beat = this.#clock.setTimer(() => this.#tick(), beat);
    this.#clock.keepAlive(this.#beat, false);
  }

  /** A line that nobody uses is hung up, and one on which nothing was heard is lost, whatever the platform says. */
  #tick(): void {
    if (!this.#used || !this.#heard) {
      this.hangUp();
      return;
    }
    this.#used = this.#heard = false;
    this.#socket.send("ping");
    this.#wait();
  }

  #lose(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#clock.clearTimer(this.#beat);
    for (const { reject } of this.#asked.values()) reject(new Error("the line was lost before the answer"));
    this.#asked.clear();
  }
}

function messageIn(data: unknown): FollowMessage | undefined {
  try {
    const message: unknown = JSON.parse(String(data));
    return typeof message === "object" && message !== null && ("view" in message || "error" in message)
      ? (message as FollowMessage)
      : undefined;
  } catch {
    return undefined;
  }
}
