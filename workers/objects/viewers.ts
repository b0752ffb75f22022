import { type LiveMessage, liveProtocol } from "ninelives/observer";
import { endOf, expired, keepUntil } from "./connection.ts";

/** Event streams at a time: unlike a socket that hibernates, each keeps its object awake. */
const mostStreams = 100;

/** A viewer by server-sent events. */
interface EventStream {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** The number of the last event that it was told of, when it was too slow for what came then. */
  behind: number | undefined;
  /** Until when its token holds. */
  readonly until: number;
}

/** All who look on, by WebSocket or by server-sent events. */
export class Viewers {
  readonly #state: DurableObjectState;
  readonly #streams = new Set<EventStream>();

  constructor(state: DurableObjectState) {
    this.#state = state;
  }

  get size(): number {
    return this.#state.getWebSockets().length + this.#streams.size;
  }

  /** Whether there are some who cannot be left alone: they are lost when their object sleeps. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Lets a viewer in who came by WebSocket. */
  acceptSocket(request: Request, first: LiveMessage): Response {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.#state.acceptWebSocket(server);
    keepUntil(server, endOf(request));
    send(server, JSON.stringify(first));
    const offered = request.headers.get("sec-websocket-protocol") !== null;
    return new Response(null, {
      status: 101,
      webSocket: client,
      ...(offered && { headers: { "sec-websocket-protocol": liveProtocol } }),
    });
  }

  /** Lets a viewer in who takes server-sent events. */
  acceptStream(request: Request, first: LiveMessage): Response {
    if (this.#streams.size >= mostStreams) return new Response(null, { status: 503 });
    let stream: EventStream;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        stream = { controller, behind: undefined, until: endOf(request) };
        this.#streams.add(stream);
        controller.enqueue(framed(first));
      },
      cancel: () => {
        this.#streams.delete(stream);
      },
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" },
    });
  }

  /**
   * Tells all.
   *
   * A stream that nobody reads fast enough gets nothing now, and later all at once. Who came with a token that holds no more
   * is told nothing, and has to come anew.
   *
   * @param told the number of the last event before this message
   * @param since makes the message for one who has missed some, from the number of the last event that it knows
   */
  tell(message: LiveMessage, told: number, since: (number: number) => LiveMessage): void {
    const text = JSON.stringify(message);
    for (const socket of this.#state.getWebSockets()) if (!expired(socket)) send(socket, text);
    if (this.#streams.size === 0) return;
    const frame = framed(message, text);
    for (const stream of this.#streams) {
      const { controller, behind, until } = stream;
      if (Date.now() >= until) {
        this.#streams.delete(stream);
        controller.close();
        continue;
      }
      if ((controller.desiredSize ?? 0) <= 0) {
        stream.behind ??= told;
        continue;
      }
      stream.behind = undefined;
      controller.enqueue(behind === undefined ? frame : framed(since(behind)));
    }
  }
}

function framed(message: LiveMessage, text = JSON.stringify(message)): Uint8Array {
  return new TextEncoder().encode(`id: ${message.place}\ndata: ${text}\n\n`);
}

function send(viewer: WebSocket, text: string): void {
  try {
    viewer.send(text);
  } catch {
    // It closed between the list and the sending; its close event follows.
  }
}
