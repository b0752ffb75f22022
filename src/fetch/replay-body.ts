import type { Tunable } from "../core/adaptive.ts";
import type { Context } from "../core/context.ts";
import { count, settings, type Table } from "../core/options.ts";
import { definePolicyFor, identity, type Policy, type Service } from "../core/policy.ts";
import { canReplay, mayRepeat, requestOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";

export interface ReplayBodyOptions {
  /** Bytes that are kept of one body. Default 1048576. */
  readonly upTo?: Tunable<number>;
}

const table = { upTo: { check: count(), initial: 1_048_576 } } as const;

/** @internal The options of `replayBody`, for tools. */
export const replayBodyOptions: Table = table;

/**
 * Lets a request be sent again whose body is a stream, or that is a Request with a body: reads the body first, and keeps it.
 *
 * Only where the request may be sent again for all else: a PUT, a DELETE, or what bears an `Idempotency-Key`. So this
 * stands inside `idempotencyKey` and outside the retry. The request goes out when the body has ended; when it is longer
 * than `upTo` it goes out with what was read and the rest as it comes, once. Nothing beyond that is ever kept. Where a
 * Request does not show its body (Firefox) it is sent once.
 *
 * @throws RangeError for a number of bytes that is none
 * @example
 * const fetch = resilientFetch({ policy: compose(replayBody({ upTo: 65_536 }), perOrigin()) });
 * await fetch(new Request("/profile", { method: "PUT", body: JSON.stringify(profile) }));
 */
export function replayBody(bytesOrOptions: number | ReplayBodyOptions = {}): Policy<FetchCall, Response> {
  const chosen = typeof bytesOrOptions === "number" ? { upTo: bytesOrOptions } : bytesOrOptions;
  const { read, recipe } = settings("replayBody", chosen, table);
  // A call of its own within the call: it ends with it, and at its deadline.
  const keep = identity.wrap((call: FetchCall, context: Context) => kept(call, read.upTo(context), context));
  return definePolicyFor<FetchCall, Response>(recipe, (next: Service<FetchCall, Response>) => {
    return function replayBody(call: FetchCall, context: Context): Promise<Response> {
      if (canReplay(call) || !mayRepeat(call)) return next(call, context);
      return keep(call, context).then((sent) => next(sent, context.withRepeatable(canReplay(sent))));
    };
  });
}

/** The call with its body in memory, if that is short enough, or else with all of it still to be sent. */
async function kept(call: FetchCall, upTo: number, context: Context): Promise<FetchCall> {
  const { init } = call;
  const own = init?.body ?? undefined;
  // Of a Request a copy is read, no further than it may be kept, so that the Request itself can be sent all the same.
  const stream = own === undefined ? requestOf(call)?.clone().body : streamOf(own);
  if (stream == null) return call;
  const reader = stream.getReader();
  const { chunks, size, whole } = await beginning(reader, upTo, context);
  if (whole) {
    if (own === undefined)
      requestOf(call)
        ?.body?.cancel()
        .catch(() => {});
    return { ...call, init: { ...init, body: joined(chunks, size) } };
  }
  if (own !== undefined) return { ...call, init: { ...init, body: resumed(chunks, reader) } };
  reader.cancel().catch(() => {});
  return call;
}

function streamOf(body: unknown): ReadableStream<Uint8Array> | undefined {
  if (body instanceof ReadableStream) return body;
  // Node has it, which alone sends what can be iterated.
  const { from } = ReadableStream as { from?: (chunks: unknown) => ReadableStream<Uint8Array> };
  return from?.call(ReadableStream, body);
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

interface Beginning {
  readonly chunks: Uint8Array[];
  readonly size: number;
  readonly whole: boolean;
}

/** Reads until the body has ended, or is longer than it may be. The call's abort ends the body, and with it the wait. */
async function beginning(reader: Reader, upTo: number, context: Context): Promise<Beginning> {
  const { leg } = context;
  const listener = { onAbort: (reason: unknown) => void reader.cancel(reason).catch(() => {}) };
  const chunks: Uint8Array[] = [];
  let size = 0;
  leg.add(listener);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (leg.aborted) throw leg.reason;
      if (done) return { chunks, size, whole: true };
      chunks.push(value);
      // What is no bytes is left for fetch to refuse.
      size += value instanceof Uint8Array ? value.byteLength : Infinity;
      if (size > upTo) return { chunks, size, whole: false };
    }
  } finally {
    leg.remove(listener);
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let end = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, end);
    end += chunk.byteLength;
  }
  return bytes;
}

/** A body that begins with what was read of another and goes on with the rest of it, as it is asked for. */
function resumed(chunks: Uint8Array[], reader: Reader): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      async pull(controller) {
        const next = chunks.shift() ?? (await reader.read()).value;
        if (next === undefined) controller.close();
        else controller.enqueue(next);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
