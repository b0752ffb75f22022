import type { Clock } from "../core/clock.ts";

/** Where text goes: a stream of the process, or a test's. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** All that commands have of the world outside, so that they run the same in a test. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof fetch;
  readonly out: Output;
  readonly err: Output;
  /** The text of a file; `-` is the standard input. */
  readonly read: (path: string) => Promise<string>;
  /** Tells the keys that are pressed, until the function that it returns is called; does nothing where there are none. */
  readonly keys: (listener: (key: string) => void) => () => void;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}
