import { describe, expect, it } from "vitest";
import type { Seen, Step } from "../fetch-server/scene.ts";
import { addresses, type Origin, realOrigin } from "./real-origin.ts";

/** Before any test replaces it. */
const native = globalThis.fetch;

type Fetch = typeof fetch;
type Arguments = readonly [unknown?, unknown?];

/** What a call asks for, made anew for each `fetch`: a body can be used but once. */
type Asks = (origin: Origin) => Arguments;

const stream = (...chunks: string[]) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });

function form(): FormData {
  const form = new FormData();
  form.set("colour", "red");
  form.set("picture", new Blob(["pixels"], { type: "image/png" }), "boot.png");
  return form;
}

/** SHA-256 of `1`, which is what the server answers. */
const integrity = "sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s=";

const answered: readonly [name: string, asks: Asks, steps?: readonly Step[]][] = [
  ["a URL as text", (o) => [o.url("/path?query#there")]],
  ["a URL", (o) => [new URL(o.url())]],
  ["what can be made text", (o) => [{ toString: () => o.url() }]],
  ["a Request", (o) => [new Request(o.url(), { headers: { "x-mine": "1" } })]],
  ["a Request and more", (o) => [new Request(o.url(), { method: "PUT" }), { headers: { "x-mine": "2" } }]],
  ["a Request whose method is replaced", (o) => [new Request(o.url()), { method: "DELETE" }]],
  ["null for what is more", (o) => [o.url(), null]],
  ["a method in small letters", (o) => [o.url(), { method: "put", body: "5" }]],
  ["Headers", (o) => [o.url(), { headers: new Headers({ "x-mine": "1" }) }]],
  [
    "headers by pairs",
    (o) => [
      o.url(),
      {
        headers: [
          ["x-mine", "1"],
          ["x-mine", "2"],
        ],
      },
    ],
  ],
  ["HEAD", (o) => [o.url(), { method: "HEAD" }]],
  ["OPTIONS", (o) => [o.url(), { method: "OPTIONS" }]],
  ["DELETE", (o) => [o.url(), { method: "DELETE" }]],
  ["POST without a body", (o) => [o.url(), { method: "POST" }]],
  ["POST of text", (o) => [o.url(), { method: "POST", body: "péché" }]],
  ["POST of bytes", (o) => [o.url(), { method: "POST", body: Uint8Array.of(1, 2, 3).subarray(1) }]],
  ["POST of a buffer", (o) => [o.url(), { method: "POST", body: Uint8Array.of(1, 2, 3).buffer }]],
  ["POST of a blob", (o) => [o.url(), { method: "POST", body: new Blob(["5"], { type: "text/x-five" }) }]],
  ["POST of parameters", (o) => [o.url(), { method: "POST", body: new URLSearchParams({ a: "b c" }) }]],
  ["POST of a form", (o) => [o.url(), { method: "POST", body: form() }]],
  ["POST of what becomes text", (o) => [o.url(), { method: "POST", body: 5 }]],
  ["POST of a stream", (o) => [o.url(), { method: "POST", body: stream("one", "two"), duplex: "half" }]],
  ["POST of a stream, not half duplex", (o) => [o.url(), { method: "POST", body: stream("one") }]],
  ["a Request to POST", (o) => [new Request(o.url(), { method: "POST", body: "5" })]],
  ["204", (o) => [o.url()], [{ status: 204 }]],
  ["304", (o) => [o.url()], [{ status: 304 }]],
  ["404", (o) => [o.url()], [{ status: 404, body: "no such thing" }]],
  ["headers that all may read", (o) => [o.url()], [{ headers: { "x-theirs": "1", "retry-after": "5" } }]],
  ["headers hidden by CORS", (o) => [o.url()], [{ hidden: true, headers: { "retry-after": "5" } }]],
  ["credentials: include", (o) => [o.url(), { credentials: "include" }]],
  ["credentials: omit", (o) => [o.url(), { credentials: "omit" }]],
  ["cache: no-store", (o) => [o.url(), { cache: "no-store" }]],
  ["mode: no-cors", (o) => [o.url(), { mode: "no-cors" }]],
  ["mode: same-origin", (o) => [o.url(), { mode: "same-origin" }]],
  ["keepalive", (o) => [o.url(), { method: "POST", body: "bye", keepalive: true }]],
  ["a referrer policy", (o) => [o.url(), { referrerPolicy: "no-referrer" }]],
  ["integrity that holds", (o) => [o.url(), { integrity }]],
  ["an option that nobody knows", (o) => [o.url(), { "x-no-such-option": 1 }]],
];

const redirected: readonly [name: string, asks: Asks, hop: (o: Origin) => Step][] = [
  ...[301, 302, 303, 307, 308].flatMap((status) =>
    ["GET", "POST"].map((method): [string, Asks, (o: Origin) => Step] => [
      `${status} of a ${method}`,
      (o) => [o.url(), { method, ...(method === "POST" && { body: "5" }) }],
      (o) => ({ status, headers: { location: o.url("/there") } }),
    ]),
  ),
  [
    "a relative one",
    (o) => [o.url("/a/b")],
    () => ({ status: 302, headers: { location: "../there?x#fragment" } }),
  ],
  [
    "one to another origin, with secrets",
    (o) => [o.url(), { headers: { authorization: "Bearer 5", "x-mine": "1" } }],
    (o) => ({ status: 307, headers: { location: o.elsewhere("/there") } }),
  ],
  ["one to nowhere", (o) => [o.url()], () => ({ status: 302 })],
  [
    "manual",
    (o) => [o.url(), { redirect: "manual" }],
    (o) => ({ status: 302, headers: { location: o.url("/there") } }),
  ],
];

const refused: readonly [name: string, asks: Asks, steps?: readonly Step[]][] = [
  ["what is no URL", () => ["http://[broken"]],
  ["a scheme that nobody speaks", () => ["nobody://speaks.this/"]],
  ["a URL with a password", (o) => [o.url().replace("//", "//me:secret@")]],
  ["GET with a body", (o) => [o.url(), { body: "5" }]],
  ["a method that is forbidden", (o) => [o.url(), { method: "TRACE" }]],
  ["a method that is none", (o) => [o.url(), { method: "no method" }]],
  ["a mode that is none", (o) => [o.url(), { mode: "none" }]],
  ["a Request that is used", (o) => [used(new Request(o.url(), { method: "POST", body: "5" }))]],
  ["a stream that is locked", (o) => [o.url(), { method: "POST", body: locked(), duplex: "half" }]],
  ["where nobody listens", () => [addresses().refused]],
  ["a reset before the headers", (o) => [o.url()], [{ cut: "before-headers" }]],
  ["an end before the headers", (o) => [o.url()], [{ cut: "before-headers", by: "end" }]],
  ["a reset within the headers", (o) => [o.url()], [{ cut: "in-headers" }]],
  ["an end within the headers", (o) => [o.url()], [{ cut: "in-headers", by: "end" }]],
  ["a reset within the body", (o) => [o.url()], [{ cut: "in-body", bytes: 1_000 }]],
  ["an end within the body", (o) => [o.url()], [{ cut: "in-body", by: "end", bytes: 1_000 }]],
  ["a redirect where none may be", (o) => [o.url(), { redirect: "error" }], [{ status: 302 }]],
  ["integrity that does not hold", (o) => [o.url(), { integrity }], [{ body: "2" }]],
];

/** Refused, but perhaps in other words than the platform's: some of it must be read before it can be handed on. */
const mistaken: readonly [name: string, asks: Asks][] = [
  ["a symbol", () => [Symbol("url")]],
  ["a header that is none", (o) => [o.url(), { headers: { "no header": "1" } }]],
  ["a header's value that is none", (o) => [o.url(), { headers: { "x-mine": "a\nb" } }]],
  ["a signal that is none", (o) => [o.url(), { signal: {} }]],
];

function used(request: Request): Request {
  void request.text();
  return request;
}

function locked(): ReadableStream {
  const body = stream("5");
  body.getReader();
  return body;
}

/** The reasons that callers may give, the platform's own among them. */
const reasons: readonly [name: string, reason: unknown][] = [
  ["none", undefined],
  ["an error", new RangeError("enough")],
  ["a text", "enough"],
  ["an object", { enough: true }],
];

/**
 * What every `fetch` must do as the platform's does: each fact runs with both, and what the caller saw and what the
 * server saw must be the same.
 *
 * @param make makes the one under test
 */
export function fetchManners(title: string, make: () => Fetch): void {
  /** What the caller and the server see of a call. */
  async function view(fetch: Fetch, asks: Asks, steps: readonly Step[], rest?: Step) {
    const origin = await realOrigin(steps, rest);
    const caller = await told(() => (fetch as (...args: Arguments) => Promise<Response>)(...asks(origin)));
    const seen = await origin.until((all) => {
      for (const { end } of all) expect(end).not.toBe("open");
    });
    return { caller: unnamed(origin, caller), seen: seen.map((each) => unnamed(origin, comparable(each))) };
  }

  describe(`${title} has the manners of fetch`, () => {
    it.each(answered)("given %s", async (_, asks, steps = []) => {
      const [ours, theirs] = [await view(make(), asks, steps), await view(native, asks, steps)];
      expect(ours).toEqual(theirs);
    });

    it.each(redirected)("follows redirects: %s", async (_, asks, hop) => {
      const views = [];
      for (const fetch of [make(), native]) {
        // The hop needs the URL of its own scene.
        const origin = await realOrigin();
        await origin.set([hop(origin)]);
        const caller = await told(() =>
          (fetch as (...args: Arguments) => Promise<Response>)(...asks(origin)),
        );
        const seen = (await origin.seen()).map(comparable);
        views.push(unnamed(origin, { caller, seen }));
      }
      expect(views[0]).toEqual(views[1]);
    });

    it("follows a loop of redirects as long and no longer", async () => {
      const views = [];
      for (const fetch of [make(), native]) {
        const origin = await realOrigin();
        await origin.set([], { status: 302, headers: { location: origin.url() } });
        const caller = await told(() => fetch(origin.url(), { method: "POST", body: "5" }));
        views.push(unnamed(origin, { caller, sent: (await origin.seen()).length }));
      }
      expect(views[0]).toEqual(views[1]);
    });

    it.each(refused)("fails with the platform's own error: %s", async (_, asks, steps = []) => {
      // It may try again where fetch does not: then it meets the same once more.
      const always = steps[0];
      const ours = await view(make(), asks, steps, always);
      const theirs = await view(native, asks, steps, always);
      expect(ours.caller).toEqual(theirs.caller);
      for (const seen of ours.seen) expect(seen).toEqual(theirs.seen[0]);
      expect(ours.seen.length > 0).toBe(theirs.seen.length > 0);
    });

    it.each(mistaken)("refuses, and sends nothing: %s", async (_, asks) => {
      const { caller, seen } = await view(make(), asks, []);
      expect([caller, seen]).toMatchObject([{ thrown: { kind: "TypeError" } }, []]);
    });

    it.each([400, 401, 409, 422, 429, 500, 501, 502, 503, 504])("returns a %d", async (status) => {
      const steps = [{ status, body: "sorry" }];
      const ours = await view(make(), (o) => [o.url(), { method: "POST" }], steps);
      const theirs = await view(native, (o) => [o.url(), { method: "POST" }], steps);
      expect(ours).toEqual(theirs);
      expect(ours.caller).toMatchObject({ status, body: "sorry" });
    });

    it("sends a POST as often, on a kept connection that the server drops", async () => {
      const views = [];
      for (const fetch of [make(), native]) {
        const origin = await realOrigin([{ keepAlive: true }, { cut: "before-headers" }]);
        await (await native(origin.url())).text();
        const caller = await told(() => fetch(origin.url(), { method: "POST" }));
        views.push(unnamed(origin, { caller, sent: (await origin.seen()).length }));
      }
      expect(views[0]).toEqual(views[1]);
    });

    it("reads nothing of a body that the caller did not ask for", async () => {
      const origin = await realOrigin([{ bytes: 1_000, hold: "body" }]);
      const request = new Request(origin.url(), { method: "POST", body: "5" });
      const response = await make()(request);
      expect([response.bodyUsed, response.body?.locked, request.bodyUsed]).toEqual([false, false, true]);
      await origin.release();
      expect((await response.bytes()).length).toBe(1_000);
    });

    it("gives what has come of a body before the rest comes", async () => {
      const origin = await realOrigin([{ bytes: 100_000, hold: "body" }]);
      const reader = ((await make()(origin.url())).body as ReadableStream<Uint8Array>).getReader();
      let came = (await reader.read()).value?.length ?? 0;
      expect(came).toBeGreaterThan(0);
      expect((await origin.seen())[0]?.end).toBe("open");
      await origin.release();
      for (let next = await reader.read(); !next.done; next = await reader.read()) came += next.value.length;
      expect(came).toBe(100_000);
    });

    it("lets go of the connection when the caller cancels a body", async () => {
      const origin = await realOrigin([{ bytes: 100_000, hold: "body" }]);
      const response = await make()(origin.url());
      await response.body?.cancel("enough");
      const [seen] = await origin.until(([seen]) => expect(seen?.end).toBe("gone"));
      expect(seen?.path).toBe("/");
    });
  });

  describe(`${title} is aborted as fetch is`, () => {
    /** Aborts a call at a stage, and says what the caller and the server saw. */
    async function aborted(
      fetch: Fetch,
      step: Step,
      controller: AbortController,
      reason: unknown,
      by: By,
      at: Stage,
    ) {
      const origin = await realOrigin([step], step);
      if (at === "before") controller.abort(reason);
      const { signal } = controller;
      const call =
        by === "init" ? fetch(origin.url(), { signal }) : fetch(new Request(origin.url(), { signal }));
      const abort = async (): Promise<void> => {
        if (at === "before") return;
        await origin.until(([seen]) => expect(seen).toBeDefined());
        if (at === "in the body") await call;
        controller.abort(reason);
      };
      const ended = call.then((response) => response.text());
      const [error] = await Promise.all([ended.catch((error: unknown) => error), abort()]);
      const sent = await origin.until((all) => {
        for (const { end } of all) expect(end).not.toBe("open");
      });
      return { error, ends: sent.map(({ end }) => end) };
    }

    describe.each(reasons)("with %s as reason", (_, reason) => {
      it.each<[Stage, Step, string[]]>([
        ["before", {}, []],
        ["before the headers", { hold: "headers" }, ["gone"]],
        ["in the body", { hold: "body", bytes: 1_000 }, ["gone"]],
      ])("%s", async (at, step, ends) => {
        for (const by of ["init", "Request"] as const) {
          const controllers = [new AbortController(), new AbortController()] as const;
          const ours = await aborted(make(), step, controllers[0], reason, by, at);
          const theirs = await aborted(native, step, controllers[1], reason, by, at);
          expect([ours.ends, theirs.ends]).toEqual([ends, ends]);
          const told = described(ours.error);
          // workerd throws a copy of the reason when it has begun to send; a policy throws the reason.
          if (ours.error !== controllers[0].signal.reason) expect(told).toEqual(described(theirs.error));
          else expect(told).toEqual(described(controllers[1].signal.reason));
          if (at !== "in the body" && by === "init") expect(ours.error).toBe(controllers[0].signal.reason);
        }
      });
    });

    it("during an upload", { timeout: 30_000 }, async () => {
      const views = [];
      for (const fetch of [make(), native]) {
        const origin = await realOrigin([{ hold: "upload" }]);
        const controller = new AbortController();
        // More than the buffers of both ends of a connection hold.
        const body = new Uint8Array(16_000_000);
        const call = told(() => fetch(origin.url(), { method: "POST", body, signal: controller.signal }));
        await origin.until(([seen]) => expect(seen).toBeDefined());
        controller.abort(new RangeError("enough"));
        const caller = await call;
        // Only who reads on notices that nothing more comes.
        await origin.release();
        const [seen] = await origin.until(([seen]) => expect(seen?.end).toBe("gone"));
        views.push({ caller, whole: seen?.whole });
      }
      expect(views[0]).toEqual(views[1]);
      expect(views[0]?.whole).toBe(false);
    });

    it("and not at all once the body has come", async () => {
      const origin = await realOrigin([{ body: "all of it" }]);
      const controller = new AbortController();
      const response = await make()(origin.url(), { signal: controller.signal });
      expect(await response.text()).toBe("all of it");
      controller.abort();
      await origin.until(([seen]) => expect(seen?.end).toBe("answered"));
    });

    it("without an unhandled rejection, though nobody looks at the call", async () => {
      const origin = await realOrigin([{ hold: "headers" }]);
      const controller = new AbortController();
      const call = make()(origin.url(), { signal: controller.signal });
      call.catch(() => {});
      await origin.until(([seen]) => expect(seen).toBeDefined());
      controller.abort();
      await origin.until(([seen]) => expect(seen?.end).toBe("gone"));
    });
  });
}

type By = "init" | "Request";
type Stage = "before" | "before the headers" | "in the body";

type Told =
  | {
      readonly status: number;
      readonly statusText: string;
      readonly type: string;
      readonly url: string;
      readonly redirected: boolean;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | Thrown;

interface Thrown {
  readonly thrown: unknown;
}

/** All that the caller of a fetch can see. */
async function told(call: () => Promise<Response>): Promise<Told> {
  try {
    const response = await call();
    const { status, statusText, type, url, redirected } = response;
    const { date: _, ...headers } = Object.fromEntries(response.headers);
    return { status, statusText, type, url, redirected, headers, body: await response.text() };
  } catch (error) {
    return { thrown: described(error) };
  }
}

/** What does not differ from one error to the next of its kind: not its stack, nor the port that it was sent from. */
function described(error: unknown): unknown {
  if (!(error instanceof Error || error instanceof DOMException)) return error;
  const { name, message, cause } = error;
  const { code } = error as { code?: unknown };
  // workerd numbers its internal errors.
  const text = message.replace(/reference = \w+/, "reference");
  return { kind: error.constructor.name, name, text, code, cause: described(cause) };
}

/** What does not differ from one request to the next. */
function comparable({ connection: _, ...seen }: Seen) {
  const { "content-type": type, ...headers } = seen.headers;
  const plain = type?.replace(/boundary=.*/, "boundary");
  const named = type?.includes("boundary=") ? { bytes: 0, sha256: "", "content-length": "" } : {};
  return { ...seen, ...named, headers: { ...headers, ...named, "content-type": plain } };
}

/** Without the name of the scene. */
function unnamed<T>(origin: Origin, value: T): T {
  const text = JSON.stringify(value, (_, each) => (each === undefined ? "undefined" : each));
  return JSON.parse(text.replaceAll(origin.name, "scene")) as T;
}
