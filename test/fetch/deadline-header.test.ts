import fc from "fast-check";
import { compose, constant, format, isRejected, parse, retry, timeout } from "ninelives";
import { type DeadlineDialect, deadlineHeader, deadlineHeaderNames, incomingDeadline } from "ninelives/fetch";
import { describe, expect, it } from "vitest";
import { fetchStage } from "./fetch-stage.ts";

const origins = "https://api.test";
const url = `${origins}/prices`;
const plain = "x-request-timeout-ms";
/** Any UTF-16 unit; the strings of fast-check that hold as much take seconds to make. */
const character = fc.nat(0xffff).map((code) => String.fromCharCode(code));
const dialects = Object.entries(deadlineHeaderNames) as [DeadlineDialect, string][];

describe("deadlineHeader", () => {
  it.each(dialects)("tells the milliseconds that are left: %s", async (dialect, header) => {
    const { clock, received, fetch, script } = fetchStage(
      compose(timeout("2s"), deadlineHeader({ dialect, origins })),
    );
    script(200);
    await fetch(url);
    expect(received[0]?.headers.get(header)).toBe(dialect === "grpc" ? "2000m" : "2000");
    expect(clock.pending).toBe(0);
  });

  it("retry > timeout > deadlineHeader: measures what is left at each attempt", async () => {
    const { clock, received, fetch, script } = fetchStage(
      compose(
        timeout("2s"),
        retry({ attempts: 3, backoff: constant("700ms"), jitter: "none" }),
        timeout("1s"),
        deadlineHeader({ origins }),
      ),
    );
    script(503, 503, 200);
    const call = fetch(url);
    await clock.advance(1_400);
    await call;
    expect(received.map(({ headers }) => headers.get(plain))).toEqual(["1000", "1000", "600"]);
    expect(clock.pending).toBe(0);
  });

  it("goes by the caller's own deadline, too", async () => {
    const { fetch, received, script } = fetchStage(deadlineHeader({ origins }));
    script(200);
    await fetch(url, { resilience: { deadline: "5s" } });
    expect(received[0]?.headers.get(plain)).toBe("5000");
  });

  it("tells nothing where nothing bounds the call", async () => {
    const { fetch, received, script } = fetchStage(deadlineHeader({ origins }));
    script(200);
    await fetch(url);
    expect([...(received[0]?.headers ?? [["none", "received"]])]).toEqual([]);
  });

  it.each<[string, string | readonly string[] | ((origin: string) => boolean), boolean]>([
    ["a listed origin", ["https://other.test", "https://api.test/"], true],
    ["one of a text", "https://other.test  https://api.test", true],
    ["one by its default port", "https://api.test:443", true],
    ["one that a function takes", (origin) => origin.endsWith(".test"), true],
    ["another origin", "https://other.test", false],
    ["another scheme", "http://api.test", false],
    ["another port", "https://api.test:8443", false],
    ["nobody", [], false],
    ["one that a function leaves out", () => false, false],
  ])("tells %s or does not", async (_, listed, told) => {
    const { fetch, received, script } = fetchStage(
      compose(timeout("2s"), deadlineHeader({ origins: listed })),
    );
    script(200);
    await fetch(url);
    expect(received[0]?.headers.has(plain)).toBe(told);
  });

  it("tells the page's own origin unasked, where there is a page", async () => {
    const page = (globalThis as { location?: { origin: string } }).location?.origin;
    const { fetch, received, script } = fetchStage(compose(timeout("2s"), deadlineHeader()));
    script(200);
    await fetch(page === undefined ? url : "/prices");
    expect(received[0]?.headers.has(plain)).toBe(page !== undefined);
  });

  it("keeps a header that says less, and replaces one that says more or nothing", async () => {
    const { fetch, received, script } = fetchStage(compose(timeout("2s"), deadlineHeader({ origins })));
    for (const before of ["500", "90000", "soon", "0"]) {
      script(200);
      await fetch(url, { headers: { [plain]: before } });
    }
    expect(received.map(({ headers }) => headers.get(plain))).toEqual(["500", "2000", "2000", "2000"]);
  });

  it("keeps the headers of a Request, and leaves the caller's own alone", async () => {
    const { fetch, received, script } = fetchStage(compose(timeout("2s"), deadlineHeader({ origins })));
    script(200, 200);
    const request = new Request(url, { headers: { "x-mine": "1" } });
    const init = { headers: { "x-mine": "2" } };
    await fetch(request);
    await fetch(request, init);
    expect(received.map(({ headers }) => [headers.get("x-mine"), headers.get(plain)])).toEqual([
      ["1", "2000"],
      ["2", "2000"],
    ]);
    expect([request.headers.has(plain), init]).toEqual([false, { headers: { "x-mine": "2" } }]);
  });

  it("leaves to fetch what is no URL", async () => {
    const { fetch, received, script } = fetchStage(compose(timeout("2s"), deadlineHeader({ origins })));
    script(200);
    await fetch("http://[broken");
    expect(received[0]?.headers.has(plain)).toBe(false);
  });

  it("takes a margin off, and leaves a millisecond at least", async () => {
    const policy = compose(timeout("2s"), deadlineHeader({ origins, margin: "50ms", header: "x-left" }));
    const { fetch, received, script } = fetchStage(policy);
    script(200, 200);
    await fetch(url);
    await fetch(url, { resilience: { deadline: "20ms" } });
    expect(received.map(({ headers }) => headers.get("x-left"))).toEqual(["1950", "1"]);
  });

  it.each<[number, string]>([
    [0.6, "1m"],
    [1.9, "1m"],
    [99_999_999, "99999999m"],
    [100_000_000, "100000S"],
    [1e12, "16666666M"],
    [1e17, "99999999H"],
  ])("writes %d ms for gRPC in 8 digits: %s", async (ms, text) => {
    const { fetch, received, script } = fetchStage(deadlineHeader({ origins, dialect: "grpc" }));
    script(200);
    await fetch(url, { resilience: { deadline: ms } });
    expect(received[0]?.headers.get("grpc-timeout")).toBe(text);
  });

  it("writes at most ten digits for Connect", async () => {
    const { fetch, received, script } = fetchStage(deadlineHeader({ origins, dialect: "connect" }));
    script(200);
    await fetch(url, { resilience: { deadline: 1e14 } });
    expect(received[0]?.headers.get("connect-timeout-ms")).toBe("9999999999");
  });

  it.each(dialects)(
    "is understood on the other side, and never as more than is left: %s",
    async (dialect, header) => {
      await fc.assert(
        fc.asyncProperty(fc.double({ min: 1, max: 1e12, noNaN: true }), async (left) => {
          const { fetch, received, script } = fetchStage(deadlineHeader({ origins, dialect }));
          script(200);
          await fetch(url, { resilience: { deadline: left } });
          const headers = new Headers({ [header]: received[0]?.headers.get(header) ?? "" });
          const { deadline } = incomingDeadline({ headers }, { dialect, ceiling: 1e13 });
          expect(deadline).toBeLessThanOrEqual(left);
          // Whole milliseconds, or what eight digits of gRPC's next unit leave; Connect's ten digits end at 115 days.
          if (dialect === "grpc" || left < 9_999_999_999)
            expect(left - deadline).toBeLessThan(left < 1e8 ? 1 : 60_000);
        }),
        { numRuns: 50 },
      );
    },
  );

  it.each<[string, object, string]>([
    [
      "dialect",
      { dialect: "http" },
      'deadlineHeader: dialect must be one of plain, envoy, grpc, connect, but is "http"',
    ],
    [
      "origin",
      { origins: "api.test" },
      'takes origins such as "https://api.example.com", but got "api.test"',
    ],
    ["path", { origins: [url] }, `deadlineHeader: origins takes origins`],
    ["origins", { origins: 5 }, "deadlineHeader: origins must be a text, a list or a function, but is 5"],
    ["opaque origin", { origins: "data:text/plain,x" }, "takes origins"],
    ["header", { header: "no such name" }, ""],
    ["margin", { margin: "soon" }, "deadlineHeader: margin"],
    ["option", { origin: origins }, 'deadlineHeader has no option "origin"'],
  ])("refuses a wrong %s", (_, options, message) => {
    expect(() => deadlineHeader(options as never)).toThrow(message);
  });

  it("has a text", () => {
    const text = 'timeout(2s) + deadlineHeader(dialect: "grpc", origins: "https://api.test", margin: 50ms)';
    expect(format(parse(text, { deadlineHeader }))).toBe(text);
    const policy = deadlineHeader({ dialect: "grpc", origins, margin: "50ms" });
    expect(format(policy)).toBe('deadlineHeader(dialect: "grpc", origins: "https://api.test", margin: 50ms)');
  });
});

describe("incomingDeadline", () => {
  const incoming = (value: string | undefined, options = {}) =>
    incomingDeadline({ headers: new Headers(value === undefined ? {} : { [plain]: value }) }, options)
      .deadline;

  it.each<[string | undefined, number]>([
    ["2000", 2_000],
    [" 2000 ", 2_000],
    ["1", 1],
    ["0", 0],
    ["000000000000500", 500],
    ["30000", 30_000],
    ["30001", 30_000],
    ["99999999999999999999999999", 30_000],
    ["9".repeat(400), 30_000],
    ["-1", 30_000],
    ["+5", 30_000],
    ["1e3", 30_000],
    ["0x10", 30_000],
    ["5.5", 30_000],
    ["5s", 30_000],
    ["Infinity", 30_000],
    ["NaN", 30_000],
    ["500, 600", 30_000],
    ["٣", 30_000],
    ["", 30_000],
    [undefined, 30_000],
  ])("of %j is %d", (value, expected) => {
    // Not every text can be in Headers; a proxy's own may hold it all the same.
    const headers = { get: (name: string) => (name === plain ? (value ?? null) : null) };
    expect(incomingDeadline({ headers }).deadline).toBe(expected);
  });

  it.each<[string, number]>([
    ["2S", 2_000],
    ["500m", 500],
    ["1H", 3_600_000],
    ["3M", 180_000],
    ["1500u", 1.5],
    ["1000000n", 1],
    ["99999999H", 7_200_000],
    ["0m", 0],
    ["123456789m", 7_200_000],
    ["500", 7_200_000],
    ["m", 7_200_000],
    ["5s", 7_200_000],
    ["-5S", 7_200_000],
    ["5 S", 7_200_000],
  ])("of gRPC's %j is %d", (text, expected) => {
    const headers = new Headers({ "grpc-timeout": text });
    expect(incomingDeadline({ headers }, { dialect: "grpc", ceiling: "2h" }).deadline).toBe(expected);
  });

  it("holds between its least and its ceiling", () => {
    const bounds = { least: "1s", ceiling: "5s" };
    expect(["0", "1", "1000", "3000", "5000", "6000", "x"].map((text) => incoming(text, bounds))).toEqual([
      1_000, 1_000, 1_000, 3_000, 5_000, 5_000, 5_000,
    ]);
    expect(incoming("3000", { least: "10s", ceiling: "5s" })).toBe(5_000);
  });

  it("bounds everything inside, and refuses at once what has no time left", async () => {
    const { clock, fetch, received } = fetchStage(compose(retry(3), deadlineHeader({ origins })));
    const request = new Request("https://me.test", { headers: { [plain]: "750" } });
    const call = fetch(url, { resilience: incomingDeadline(request) }).catch((error: unknown) => error);
    expect(received[0]?.headers.get(plain)).toBe("750");
    await clock.advance(750);
    expect(isRejected(await call, "timeout")).toBe(true);
    const late = incomingDeadline(new Request("https://me.test", { headers: { [plain]: "0" } }));
    await expect(fetch(url, { resilience: late })).rejects.toMatchObject({ kind: "timeout", attempts: 0 });
    expect([received.length, clock.pending]).toEqual([1, 0]);
  });

  it("never throws, whatever the header holds", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.string({ unit: character }), fc.constantFrom(...dialects), (text, [dialect]) => {
        const { deadline } = incomingDeadline({ headers: { get: () => text } }, { dialect });
        expect(deadline >= 0 && deadline <= 30_000).toBe(true);
      }),
    );
  });

  it.each<[object, string]>([
    [{ dialect: "http" }, "incomingDeadline: dialect must be one of"],
    [{ ceiling: "soon" }, "incomingDeadline: ceiling must be a duration"],
    [{ least: -1 }, "incomingDeadline: least must be a duration"],
    [{ maximum: 5 }, 'incomingDeadline has no option "maximum"'],
  ])("refuses %j", (options, message) => {
    expect(() => incoming("5", options)).toThrow(message);
  });
});
