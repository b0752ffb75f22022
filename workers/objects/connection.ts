import { followUntil } from "ninelives/stores/durable-object";

/** What is kept of a connection while its object sleeps. */
interface Connection {
  /** Until when its token holds, by the object's clock. */
  readonly until: number;
}

/** Until when the token holds that a connection was opened with, as the Worker says: no end without one. */
export function endOf(request: Request): number {
  return Number(request.headers.get(followUntil) ?? Infinity);
}

/** Notes on a socket until when it may be used. */
export function keepUntil(socket: WebSocket, until: number): void {
  socket.serializeAttachment({ until } satisfies Connection);
}

/** Whether a socket's token holds no more: then the connection ends, and the next one has to show it. */
export function expired(socket: WebSocket): boolean {
  const { until = Infinity } = (socket.deserializeAttachment() ?? {}) as Partial<Connection>;
  if (Date.now() < until) return false;
  socket.close(1008, "the token has to be shown again: connect anew");
  return true;
}
