import type { Tunable } from "../core/adaptive.ts";
import { whole } from "../core/check.ts";
import type { Context } from "../core/context.ts";
import { as, type Check, settings, type Table } from "../core/options.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { coalesce } from "../policies/coalesce.ts";
import { nameOfGet } from "./name-of-get.ts";
import { type Beginning, readAtMost } from "./read-at-most.ts";
import { type Head, headOf, isRemakeable, remade } from "./remade.ts";
import type { FetchCall } from "./resilient-fetch.ts";
import { headersOf } from "./with-headers.ts";

export interface CoalesceGetsOptions {
  /** Bytes of a body that is shared at most. Default 1000000. */
  readonly maximumBytes?: Tunable<number>;
  /** Request headers that make no difference. Default `["traceparent", "tracestate"]`. */
  readonly ignore?: readonly string[];
}

const bytes: Check<number, number> = (value, option) => whole(value, option, 0);

const table = {
  maximumBytes: { check: bytes, initial: 1_000_000 },
  ignore: { check: as<readonly string[]>(), initial: ["traceparent", "tracestate"], fixed: true },
} as const;

/** @internal The options of `coalesceGets`, for tools. */
export const coalesceGetsOptions: Table = table;

/** A GET under the name that says all it asks for. */
interface Asked {
  readonly name: string;
  readonly call: FetchCall;
  /** What nobody else may have. */
  own?: { readonly response: Response; readonly body: Beginning };
  /** Whether its caller has given up. */
  left: boolean;
}

/** What is shared: plain data, since no Response crosses from one request of a Worker to another. */
type Shared = { readonly head: Head; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;

/**
 * Sends once for all who GET the same at the same time, and gives each a Response of its own.
 *
 * The same is: the URL, every header of the request and every option of `init` that decides what comes back; an option
 * that is not known here (a dispatcher, say) keeps a request apart. What is shared is the body, read to its end: it comes
 * all at once, and if it breaks off that is the call's error. A body of more than `maximumBytes`, or of server-sent
 * events, is the first caller's, streaming; the others then send for themselves. A caller who aborts leaves the others
 * alone. Stands outside the retry, and inside a timeout: on Workers whoever waits for another request's answer needs it.
 *
 * @throws TypeError or RangeError for options that will not do
 * @example
 * const policy = compose(timeout("10s"), coalesceGets(), standard());
 */
export function coalesceGets(options: CoalesceGetsOptions = {}): Policy<FetchCall, Response> {
  const { read, recipe } = settings("coalesceGets", options, table);
  const ignored = new Set((options.ignore ?? table.ignore.initial).map((name) => name.toLowerCase()));
  const once = coalesce<Asked, Shared>({ key: ({ name }) => name, share: (value) => value });

  return definePolicyFor<FetchCall, Response>(recipe, (next: Service<FetchCall, Response>) => {
    const ask = once.layer(async (asked: Asked, context: Context): Promise<Shared> => {
      const response = await next(asked.call, context);
      const most = isShareable(response) ? read.maximumBytes(context) : -1;
      const body = await readAtMost(response.body, most);
      if ("bytes" in body && isRemakeable(response)) return { head: headOf(response), bytes: body.bytes };
      asked.own = { response, body };
      if (asked.left) letGo(asked);
      return undefined;
    });

    return async function coalesceGets(call: FetchCall, context: Context): Promise<Response> {
      const name = context.repeatable && !streams(call) ? nameOfGet(call, ignored) : undefined;
      if (name === undefined) return next(call, context);
      const asked: Asked = { name, call, left: false };
      const shared = await ask(asked, context).catch((error: unknown) => {
        asked.left = true;
        letGo(asked);
        throw error;
      });
      if (shared !== undefined) return remade(shared.bytes, shared.head);
      return asked.own === undefined ? next(call, context) : resumed(asked.own, context);
    };
  });
}

const eventStream = "text/event-stream";

/** Whether events are asked for, of which there may never be an end. */
function streams(call: FetchCall): boolean {
  return headersOf(call).get("accept")?.includes(eventStream) === true;
}

/** Whether a body may end soon, by what its headers say. */
function isShareable({ headers }: Response): boolean {
  return headers.get("content-type")?.startsWith(eventStream) !== true;
}

/** The first caller's response, from where reading it stopped; its abort ends the body. */
function resumed({ response, body }: NonNullable<Asked["own"]>, { leg }: Context): Response {
  if ("bytes" in body) return response;
  const chunks = [...body.chunks];
  const source = { response, reader: body.reader };
  const abort = {
    onAbort(reason: unknown): void {
      source.reader.cancel(reason).catch(() => {});
      stream?.error(reason);
    },
  };
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  const rest = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stream = controller;
        leg.add(abort);
      },
      async pull(controller) {
        const { done, value } =
          chunks.length > 0 ? { done: false, value: chunks.shift() } : await source.reader.read();
        if (!done) {
          controller.enqueue(value as Uint8Array);
          return;
        }
        leg.remove(abort);
        controller.close();
      },
      cancel(reason) {
        leg.remove(abort);
        return source.reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return remade(rest, headOf(response));
}

/** Nobody will read what was the first caller's own. */
function letGo({ own }: Asked): void {
  if (own !== undefined && "reader" in own.body) own.body.reader.cancel().catch(() => {});
}
