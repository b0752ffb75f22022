import type { LiveMessage } from "ninelives/observer";
import { ManualClock } from "ninelives/testing";
import { run } from "../../../src/cli/run.ts";
import type { World } from "../../../src/cli/world.ts";

/** A request as the server saw it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
}

type Answer = (asked: Asked, signal: AbortSignal | undefined) => Response | Promise<Response>;

/** A command line in a world that a test plays. */
export class Stage {
  readonly clock = new ManualClock();
  readonly asked: Asked[] = [];
  out = "";
  err = "";
  readonly #interrupt = new AbortController();
  readonly #files: Readonly<Record<string, string>>;
  #key: ((key: string) => void) | undefined;
  readonly #world: World;

  constructor(
    answer: Answer,
    {
      env = {},
      files = {},
      terminal = false,
      columns = 80,
    }: {
      readonly env?: World["env"];
      readonly files?: Readonly<Record<string, string>>;
      readonly terminal?: boolean;
      readonly columns?: number;
    } = {},
  ) {
    this.#files = files;
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const request = new Request(input, init);
      const text = await request.text();
      const url = new URL(request.url);
      const asked = {
        method: request.method,
        path: url.pathname + url.search,
        headers: request.headers,
        body: text === "" ? undefined : JSON.parse(text),
      };
      this.asked.push(asked);
      // Not the Request's own signal, which follows this one only for as long as somebody holds the Request.
      return answer(asked, init?.signal ?? undefined);
    };
    this.#world = {
      env: { NINELIVES_URL: "https://edge.test", NINELIVES_TOKEN: "t0ken", ...env },
      fetch,
      out: {
        write: (text) => {
          this.out += text;
        },
        isTTY: terminal,
        columns,
        rows: 24,
      },
      err: {
        write: (text) => {
          this.err += text;
        },
        isTTY: terminal,
      },
      read: async (path) => this.#files[path] ?? "",
      keys: (listener) => {
        this.#key = listener;
        return () => {
          this.#key = undefined;
        };
      },
      signal: this.#interrupt.signal,
      clock: this.clock,
    };
  }

  run(...argv: string[]): Promise<number> {
    return run(argv, this.#world);
  }

  /** The same, while time goes by for as long as it takes. */
  async runOn(...argv: string[]): Promise<number> {
    let exit: number | undefined;
    const ends = this.run(...argv).then((code) => {
      exit = code;
      return code;
    });
    while (exit === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.clock.advance(100);
    }
    return ends;
  }

  /** Presses a key, when somebody listens. */
  press(key: string): boolean {
    this.#key?.(key);
    return this.#key !== undefined;
  }

  interrupt(): void {
    this.#interrupt.abort(new Error("interrupted"));
  }
}

export const json = (value: unknown): Response => Response.json(value);

export const problem = (status: number, type: string, detail: string): Response =>
  new Response(JSON.stringify({ type: `urn:ninelives:problem:${type}`, title: type, status, detail }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });

/** A stream that a test feeds; it fails as a connection does that is cut. */
export class Feed {
  readonly response: Response;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor(signal?: AbortSignal) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
    });
    this.response = new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  tell(message: LiveMessage): void {
    this.say(`id: ${message.place}\ndata: ${JSON.stringify(message)}\n\n`);
  }

  say(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }

  cut(): void {
    this.#controller.error(new TypeError("terminated"));
  }
}
