import type { Context } from "../core/context.ts";
import type { LiveMessage } from "../observer/live.ts";
import type { Server } from "./server.ts";

/** Hears how the stream is. */
export interface LiveLink {
  /** It broke off, and is being opened again. */
  readonly onLost: () => void;
  readonly onBack: () => void;
}

/**
 * What the observer says as it goes, for as long as it is read.
 *
 * A stream that breaks off is opened again from where it was; the observer tells what was missed, or begins anew with a
 * snapshot where that was too long ago.
 *
 * @throws CliError when it cannot be opened the first time, or the server does not let one look any more
 */
export async function* liveMessages(
  server: Server,
  context: Context,
  { onLost, onBack }: LiveLink,
): AsyncGenerator<LiveMessage> {
  let place: string | undefined;
  for (let first = true; ; first = false) {
    if (!first) onLost();
    const response = await server.live(context, first ? undefined : { place });
    if (!first) onBack();
    try {
      for await (const message of messagesIn(response)) {
        place = message.place ?? place;
        yield message;
      }
    } catch (error) {
      // Whatever broke the stream, it is opened again; what is wrong for good shows in that.
      if (context.aborted) throw error;
    }
  }
}

/** The data of server-sent events, each a message as JSON. */
export async function* messagesIn(response: Response): AsyncGenerator<LiveMessage> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const frames = text.split(/\r?\n\r?\n/);
    text = frames.pop() ?? "";
    for (const frame of frames) {
      const data = frame
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice("data:".length).trimStart());
      if (data.length > 0) yield JSON.parse(data.join("\n")) as LiveMessage;
    }
  }
}
