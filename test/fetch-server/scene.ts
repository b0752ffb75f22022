/** What a test and the server that it runs against say to each other. */

/** How the server answers one request. */
export interface Step {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: its own number among the requests of the scene, from 1. */
  readonly body?: string;
  /** A body of so many bytes instead. */
  readonly bytes?: number;
  /** Goes on when it is released: with reading the upload, with the headers, or with the second half of the body. */
  readonly hold?: "upload" | "headers" | "body";
  /** Ends the connection instead: before the headers, within them, or after half the body. */
  readonly cut?: "before-headers" | "in-headers" | "in-body";
  /** How it ends the connection. Default `reset`. */
  readonly by?: "reset" | "end";
  /** Leaves the connection open for the next request. */
  readonly keepAlive?: true;
  /** Answers at once, and lets the upload go unread. */
  readonly early?: true;
  /** Hides all headers from scripts of other origins that CORS does not show anyway. */
  readonly hidden?: true;
}

/** The answers to the requests of a scene, in the order in which they come. */
export interface Scene {
  readonly steps: readonly Step[];
  /** To all that come later. Default: 200. */
  readonly rest?: Step;
}

/** One request, as the server saw it. Preflights are none. */
export interface Seen {
  readonly method: string;
  /** Behind the name of the scene. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of its body, so far. */
  readonly bytes: number;
  readonly sha256: string;
  /** Whether its body came to its end. */
  readonly whole: boolean;
  /** Which of the server's connections it came by. */
  readonly connection: number;
  /** `gone`: the client ended the connection before it was answered; `cut`: the server did. */
  readonly end: "open" | "answered" | "gone" | "cut";
}

/** Where the server listens. */
export interface Addresses {
  readonly origin: string;
  /** Another origin, with the same scenes. */
  readonly other: string;
  /** Where scenes are set and asked about: browsers have but six connections for each origin. */
  readonly control: string;
  /** Where nobody listens. */
  readonly refused: string;
}

declare module "vitest" {
  interface ProvidedContext {
    readonly fetchServer: Addresses;
  }
}
