import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classifyHttp, parseRetryAfter, resilientFetch } from "../../src/fetch/index.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { retry } from "../../src/policies/retry.ts";
import { ManualClock } from "../../src/testing/index.ts";

const day = 86_400_000;
const now = Date.parse("2026-11-21T12:00:00Z");

const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: 400 });
/** Dates in all forms of HTTP, and such as nearly are. */
const dates = fc
  .tuple(
    fc.constantFrom("Mon", "Monday", "Foo", "mon"),
    fc.integer({ min: -5, max: 99 }),
    fc.constantFrom("Jan", "Feb", "Xyz", "13"),
    fc.integer({ min: -1, max: 300_000 }),
    fc.constantFrom("00:00:00", "23:59:60", "99:99:99", "::::::::"),
    fc.constantFrom(" GMT", " UTC", "", " +0100"),
  )
  .chain(([weekday, date, month, year, time, zone]) =>
    fc.constantFrom(
      `${weekday}, ${`${date}`.padStart(2, "0")} ${month} ${year} ${time}${zone}`,
      `${weekday}, ${`${date}`.padStart(2, "0")}-${month}-${year % 100} ${time}${zone}`,
      `${weekday} ${month} ${`${date}`.padStart(2, " ")} ${time} ${year}${zone}`,
    ),
  );
/** Lists of structured fields, as in RateLimit, and such as nearly are. */
const fields = fc
  .array(
    fc.tuple(
      fc.constantFrom('"default"', "default", '"', "", "(a b)", "?1", ":YQ==:"),
      fc.array(
        fc.tuple(fc.constantFrom("r", "t", "q", "w", "pk", "qu", "T", "1"), fc.oneof(digits, fc.string())),
      ),
    ),
  )
  .map((list) => list.map(([item, all]) => [item, ...all.map(([k, v]) => `${k}=${v}`)].join(";")).join(", "));

/** What a server, or whoever sits in between, may write into a header. */
const values: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.nat(0xd7ff).map((code) => String.fromCharCode(code)) }),
  digits,
  fc.double().map(String),
  fc.bigInt().map(String),
  dates,
  fields,
  fc.constantFrom(
    "-1",
    "1e9",
    "0x10",
    "Infinity",
    "NaN",
    " 5 ",
    "5, 6",
    "٥",
    "",
    "2026-11-21T12:00:00Z",
    "null",
  ),
);

const names = [
  "retry-after",
  "date",
  "ratelimit",
  "ratelimit-policy",
  "ratelimit-limit",
  "ratelimit-remaining",
  "ratelimit-reset",
  "x-ratelimit-limit",
  "x-ratelimit-remaining",
  "x-ratelimit-reset",
  "retry-after-ms",
  "x-ms-retry-after-ms",
  "grpc-retry-pushback-ms",
];

const headers = fc.dictionary(fc.constantFrom(...names), values);
const statuses = fc.constantFrom(200, 304, 404, 408, 409, 413, 425, 429, 500, 501, 503, 504);

/** By its shape: a real Headers would refuse most of it before we read it. */
const response = (status: number, given: Readonly<Record<string, string>>) => ({
  status,
  headers: { get: (name: string) => given[name.toLowerCase()] ?? null, has: (name: string) => name in given },
});

describe("headers, whatever they say", () => {
  it("Retry-After is nothing, or from 0 to a day", () => {
    fc.assert(
      fc.property(values, (value) => {
        const wait = parseRetryAfter(value, now);
        expect(wait === undefined || (wait >= 0 && wait <= day), `${wait}`).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("Retry-After in seconds is read as such, however many", () => {
    fc.assert(
      fc.property(digits, (value) => {
        expect(parseRetryAfter(value, now)).toBe(Math.min(Number(value) * 1_000, day));
      }),
    );
  });

  it("Retry-After as a date is read in all three forms alike", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_399 }), (seconds) => {
        const at = new Date(now + seconds * 1_000);
        const [, date = "", month = "", year = "", time = ""] = at.toUTCString().split(" ");
        const weekday = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"][
          at.getUTCDay()
        ];
        const asctime = `${weekday?.slice(0, 3)} ${month} ${`${Number(date)}`.padStart(2)} ${time} ${year}`;
        for (const text of [
          at.toUTCString(),
          `${weekday}, ${date}-${month}-${year.slice(2)} ${time} GMT`,
          asctime,
        ]) {
          expect(parseRetryAfter(text, now), text).toBe(seconds * 1_000);
        }
      }),
    );
  });

  it("a response is judged, never choked on", () => {
    fc.assert(
      fc.property(statuses, headers, (status, given) => {
        const { kind, retryable, retryAfter } = classifyHttp({ value: response(status, given) });
        expect(["success", "failure", "ignored"]).toContain(kind);
        expect(typeof retryable).toBe("boolean");
        expect(retryAfter === undefined || (retryAfter >= 0 && retryAfter <= day), `${retryAfter}`).toBe(
          true,
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it("a call ends with the response or with the next, and leaves no timer", async () => {
    await fc.assert(
      fc.asyncProperty(statuses, headers, async (status, given) => {
        const clock = new ManualClock();
        const answers = [response(status, given), response(200, {})] as unknown as Response[];
        let sent = 0;
        const fetch = resilientFetch({
          fetch: async () => answers[sent++] as Response,
          policy: retry({ attempts: 2 }),
          environment: { clock, random: () => 1 },
        });
        const call = fetch("https://api.test/");
        await clock.advance(day);
        expect(answers.slice(0, sent)).toContain(await call);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("a circuit stays open for no longer than a day", async () => {
    await fc.assert(
      fc.asyncProperty(headers, async (given) => {
        const clock = new ManualClock();
        const answers = [response(503, given), response(200, {})] as unknown as Response[];
        const fetch = resilientFetch({
          fetch: async () => answers.shift() as Response,
          policy: circuitBreaker({ consecutiveFailures: 1 }),
          environment: { clock },
        });
        await fetch("https://api.test/");
        await clock.advance(day);
        expect((await fetch("https://api.test/")).status).toBe(200);
      }),
      { numRuns: 300 },
    );
  });
});
