import { inForce } from "./document-history.ts";
import type { DocumentStore } from "./document-store.ts";
import type { PolicyDocument } from "./wire.ts";

/** Where a follower hears of documents. */
export interface DocumentSource {
  /** Gives those in force, or nothing when none has changed since it was asked before. */
  read(signal: AbortSignal): Promise<readonly PolicyDocument[] | undefined>;
  /** Calls back when there may be news, until the function that it returns is called. A source without news never does. */
  listen(onNews: () => void): () => void;
}

/** The documents of a store that this process reaches by itself. */
export function documentsIn(store: DocumentStore): DocumentSource {
  return { read: async () => (await store.histories()).map(inForce), listen: () => () => {} };
}

/** The WebSocket subprotocol of `GET /v1/policies`: each message says that there is news. */
export const documentsProtocol = "ninelives.documents.v1";

/** What a source needs of a WebSocket; the platform's is one. */
export interface NewsSocket {
  close(code?: number): void;
  addEventListener(type: "open" | "message" | "close" | "error", listener: () => void): void;
}

export interface DocumentsOverHttpOptions {
  /** The Worker's address, such as `https://edge.example.com`. */
  readonly url: string;
  /** A token with the scope `read`; none where reads are public. */
  readonly token?: string;
  /** Default the platform's. */
  readonly fetch?: typeof fetch;
  /**
   * Has the Worker tell of news by WebSocket, such as `WebSocket`; one that breaks is opened again when the follower asks next.
   * Default: there is only asking, again and again.
   */
  readonly webSocket?: new (
    url: string,
    protocols: string[],
  ) => NewsSocket;
}

/**
 * The documents of a Worker, asked for with `If-None-Match`: what has not changed is not sent.
 *
 * @throws TypeError for what is no address
 */
export function documentsOverHttp(options: DocumentsOverHttpOptions): DocumentSource {
  const { token, webSocket: Socket } = options;
  const url = new URL("v1/policies", options.url.endsWith("/") ? options.url : `${options.url}/`);
  let tag: string | undefined;
  let onNews: (() => void) | undefined;
  let socket: NewsSocket | undefined;

  function connect(): void {
    if (Socket === undefined || onNews === undefined || socket !== undefined) return;
    const protocols = [documentsProtocol, ...(token === undefined ? [] : [`token.${token}`])];
    let opened: NewsSocket;
    try {
      opened = new Socket(url.href.replace(/^http/, "ws"), protocols);
    } catch {
      // It is tried again with the next question, which goes without it.
      return;
    }
    const lose = () => {
      if (socket === opened) socket = undefined;
    };
    socket = opened;
    opened.addEventListener("message", () => onNews?.());
    // What has changed since the last question, and before there was somebody to tell, is asked for.
    opened.addEventListener("open", () => onNews?.());
    opened.addEventListener("close", lose);
    opened.addEventListener("error", lose);
  }

  return {
    async read(signal) {
      connect();
      const send = options.fetch ?? fetch;
      const response = await send(url, {
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(tag !== undefined && { "if-none-match": tag }),
        },
        signal,
      });
      if (response.status === 304) return undefined;
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`${url.host} answered ${response.status}`);
      }
      const { policies } = (await response.json()) as { readonly policies: readonly PolicyDocument[] };
      tag = response.headers.get("etag") ?? undefined;
      return policies;
    },
    listen(news) {
      onNews = news;
      connect();
      return () => {
        onNews = undefined;
        socket?.close(1000);
        socket = undefined;
      };
    },
  };
}
