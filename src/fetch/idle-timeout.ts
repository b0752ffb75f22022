import { type Changeable, changeable } from "../core/adaptive.ts";
import { Context } from "../core/context.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { isRejected, RejectedError } from "../core/errors.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { timeout } from "../policies/timeout.ts";
import { headOf, isRemakeable, remade } from "./remade.ts";
import type { FetchCall } from "./resilient-fetch.ts";

/**
 * Gives up on a body of which no more comes.
 *
 * While somebody reads, each chunk has so long to arrive; a reader that takes its time is no reason to give up. The body
 * then fails with a `timeout` rejection and the connection is closed. A `timeout` ends at the headers: this is for what
 * comes after them, however long it takes as a whole.
 *
 * The Response is not the platform's own but one like it, with the same `status`, `headers`, `url`, `redirected` and
 * `type`; one without a body, or opaque, is passed on as it is. Stands innermost or outermost. What comes too late is
 * the reader's to handle, since the call has long been answered: no retry or circuit hears of it. In Chromium `text()`
 * and its kin throw "Failed to fetch" instead; the rejection itself comes out of `body.getReader()`.
 *
 * @param after how long each chunk may take
 * @throws RangeError for what is no duration
 * @example
 * const policy = compose(idleTimeout("10s"), standard());
 */
export function idleTimeout(after: Changeable<Duration>): Policy<FetchCall, Response> {
  const ms = changeable(after, milliseconds, "idleTimeout: after");
  const patience = timeout(ms);
  const recipe = { policy: "idleTimeout", given: { after }, table: { after: { check: milliseconds } } };
  return definePolicyFor<FetchCall, Response>(recipe, (next: Service<FetchCall, Response>) => {
    return async function idleTimeout(call: FetchCall, context: Context): Promise<Response> {
      const response = await next(call, context);
      if (response.body === null || !isRemakeable(response)) return response;
      return remade(timed(response, ms, patience, context), headOf(response));
    };
  });
}

/** The body of a response, each chunk in time. */
function timed(
  response: Response,
  ms: () => number,
  patience: Policy,
  context: Context,
): ReadableStream<Uint8Array> {
  const { environment, key } = context;
  // The response lives as long as its body is read: the caller's abort reaches the platform's body only through it.
  const source = { response, reader: (response.body as ReadableStream<Uint8Array>).getReader() };
  const read = patience.wrap(() => source.reader.read());
  return new ReadableStream({
    // As the platform's own, for readers that bring a buffer.
    type: "bytes",
    async pull(controller) {
      try {
        let chunk: Awaited<ReturnType<typeof read>>;
        // A call of its own: the deadlines of the one that brought the headers do not hold for the body.
        do chunk = await read(undefined, Context.begin({ key }).within(environment));
        while (chunk.value?.byteLength === 0);
        if (chunk.value !== undefined) {
          controller.enqueue(chunk.value as Uint8Array<ArrayBuffer>);
          return;
        }
        controller.close();
        controller.byobRequest?.respond(0);
      } catch (error) {
        if (!isRejected(error, "timeout")) throw error;
        const late = new RejectedError("timeout", "idleTimeout", `no data for ${ms()} ms`, { context });
        source.reader.cancel(late).catch(() => {});
        throw late;
      }
    },
    cancel: (reason) => source.reader.cancel(reason),
  });
}
