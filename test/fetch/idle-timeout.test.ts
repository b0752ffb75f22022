import { compose, format, isRejected, parse, RejectedError, timeout } from "ninelives";
import { idleTimeout, resilientFetch } from "ninelives/fetch";
import { describe, expect, it } from "vitest";
import { fetchStage } from "./fetch-stage.ts";

const url = "https://api.test/prices";
const text = new TextEncoder();

/** A body that the test plays. */
function playedBody(): {
  readonly body: ReadableStream<Uint8Array>;
  send(chunk: string): void;
  end(): void;
  fail(error: unknown): void;
  readonly cancelled: unknown[];
} {
  const cancelled: unknown[] = [];
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
    cancel: (reason) => void cancelled.push(reason),
  });
  return {
    body,
    send: (chunk) => controller.enqueue(text.encode(chunk)),
    end: () => controller.close(),
    fail: (error) => controller.error(error),
    cancelled,
  };
}

/** Reads to the end by a reader: in Chromium `text()` has an error of its own for a body that fails. */
async function readAll({ body }: Response): Promise<string> {
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const chunks: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return chunks.join("");
    chunks.push(new TextDecoder().decode(value));
  }
}

async function begun(policy = idleTimeout("10s")) {
  const stage = fetchStage(policy);
  const played = playedBody();
  stage.script(
    () => new Response(played.body, { status: 201, statusText: "Made", headers: { "x-mine": "1" } }),
  );
  const response = await stage.fetch(url);
  return { ...stage, ...played, response };
}

describe("idleTimeout", () => {
  it("hands the body on, and keeps status and headers", async () => {
    const { clock, response, send, end } = await begun();
    expect([response.status, response.statusText, response.headers.get("x-mine")]).toEqual([
      201,
      "Made",
      "1",
    ]);
    const read = response.text();
    send("nine");
    await clock.advance(9_000);
    send(" lives");
    await clock.advance(9_000);
    end();
    expect(await read).toBe("nine lives");
    expect(clock.pending).toBe(0);
  });

  it("fails the body when no more of it comes, and closes the connection", async () => {
    const { clock, response, send, cancelled, sink } = await begun();
    const read = readAll(response).catch((error: unknown) => error);
    send("half");
    await clock.advance(9_999);
    expect(cancelled).toEqual([]);
    await clock.advance(1);
    const error = await read;
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({
      kind: "timeout",
      policy: "idleTimeout",
      message: "no data for 10000 ms",
      key: "https://api.test",
    });
    expect(cancelled).toEqual([error]);
    expect(sink.of("timeout.occurred")).toMatchObject([{ after: 10_000, key: "https://api.test" }]);
    expect(clock.pending).toBe(0);
  });

  it("does not count the time that the reader takes", async () => {
    const { clock, response, send, end } = await begun();
    send("nine");
    await clock.advance(60_000);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect((await reader.read()).value).toEqual(text.encode("nine"));
    await clock.advance(60_000);
    end();
    expect((await reader.read()).done).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("goes on past the timeouts and the deadline that ended at the headers", async () => {
    const stage = fetchStage(compose(timeout("1s"), idleTimeout("10s")));
    const { body, send, end } = playedBody();
    stage.script(() => new Response(body));
    const response = await stage.fetch(url, { resilience: { deadline: "1s" } });
    const read = response.text();
    await stage.clock.advance(5_000);
    send("late");
    end();
    expect(await read).toBe("late");
  });

  it("fails as the body fails", async () => {
    const { response, fail, clock } = await begun();
    const read = readAll(response);
    const lost = new TypeError("terminated");
    fail(lost);
    await expect(read).rejects.toBe(lost);
    expect(clock.pending).toBe(0);
  });

  it("cancels the body that is cancelled", async () => {
    const { response, cancelled, clock } = await begun();
    await response.body?.cancel("enough");
    expect(cancelled).toEqual(["enough"]);
    expect(clock.pending).toBe(0);
  });

  it("serves readers that bring a buffer, to the end", async () => {
    const { response, send, end } = await begun();
    const reader = (response.body as ReadableStream<Uint8Array>).getReader({ mode: "byob" });
    send("");
    send("nine");
    expect((await reader.read(new Uint8Array(2))).value).toEqual(text.encode("ni"));
    expect((await reader.read(new Uint8Array(9))).value).toEqual(text.encode("ne"));
    end();
    expect((await reader.read(new Uint8Array(9))).done).toBe(true);
  });

  it("reads nothing that the caller does not read, but one chunk", async () => {
    let pulled = 0;
    const stage = fetchStage(idleTimeout("10s"));
    const body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulled++;
          controller.enqueue(text.encode("x"));
        },
      },
      { highWaterMark: 0 },
    );
    stage.script(() => new Response(body));
    const response = await stage.fetch(url);
    await stage.clock.advance(1_000);
    expect(pulled).toBeLessThanOrEqual(1);
    await response.body?.cancel();
  });

  it.each([
    ["without a body", () => new Response(null, { status: 204 })],
    ["of an error", () => Response.error()],
  ])("passes a response %s on as it is", async (_, make) => {
    const { fetch, script } = fetchStage(idleTimeout("10s"));
    const made = make();
    script(() => made);
    expect(await fetch(url)).toBe(made);
  });

  it("keeps what no constructor takes: url, redirected and type", async () => {
    const told = { url: "https://api.test/moved", redirected: true, type: "cors" };
    const original = new Response("ok");
    for (const [name, value] of Object.entries(told)) Object.defineProperty(original, name, { value });
    const { fetch, script } = fetchStage(idleTimeout("10s"));
    script(() => original);
    const response = await fetch(url);
    expect(response).not.toBe(original);
    expect(response).toMatchObject(told);
    expect(await response.text()).toBe("ok");
  });

  it("has a text, and refuses what is no duration", () => {
    expect(format(parse("idleTimeout(10s) + retry(3)", { idleTimeout }))).toBe("idleTimeout(10s) + retry(3)");
    expect(format(idleTimeout("10s"))).toBe("idleTimeout(10s)");
    expect(() => idleTimeout("soon" as never)).toThrow("idleTimeout: after must be a duration");
  });

  it("waits by the platform's own clock, too", async () => {
    const { body, send } = playedBody();
    const fetch = resilientFetch({
      policy: idleTimeout("20ms"),
      fetch: (async () => new Response(body)) as typeof globalThis.fetch,
    });
    const response = await fetch(url);
    send("half");
    expect(isRejected(await readAll(response).catch((error: unknown) => error), "timeout")).toBe(true);
  });
});
