import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRetryAfter } from "../../src/fetch/index.ts";

const now = Date.UTC(1994, 10, 6, 8, 49, 0);
const day = 86_400_000;

describe("parseRetryAfter (T11)", () => {
  it.each<[string | null, number | undefined]>([
    [null, undefined],
    ["", undefined],
    ["0", 0],
    ["5", 5_000],
    [" 5 ", 5_000],
    ["007", 7_000],
    ["86400", day],
    ["86401", day],
    ["9".repeat(400), day],
    ["-5", undefined],
    ["+5", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    ["0x10", undefined],
    ["5s", undefined],
    ["5, 6", undefined],
    ["soon", undefined],
    ["NaN", undefined],
    ["Infinity", undefined],
    ["2026", 2_026_000],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 37_000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 37_000],
    ["Sun Nov  6 08:49:37 1994", 37_000],
    ["Sun Nov 16 08:49:37 1994", day],
    ["sun, 06 nov 1994 08:49:37 gmt", 37_000],
    ["Sun, 06 Nov 1994 08:48:00 GMT", 0],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["Fri, 31 Dec 9999 23:59:59 GMT", day],
    ["Sun, 06 Nov 1994 08:49:37 PST", undefined],
    ["Sun, 06 Nov 1994 08:49:37", undefined],
    ["Sun, 99 Nov 1994 08:49:37 GMT", undefined],
    ["Sun, 06 Foo 1994 08:49:37 GMT", undefined],
    ["1994-11-06T08:49:37Z", undefined],
    ["Sun", undefined],
    ["Sunday 5", undefined],
    ["Monkeys 9999", undefined],
  ])("of %j is %s", (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });

  it("reads the difference to now of every date in every form", () => {
    const seconds = fc.integer({ min: -86_400, max: 86_400 });
    const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const long = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    const since = fc.date({ min: new Date("1995-01-01"), max: new Date("2040-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(since, seconds, (date, after) => {
        const at = Math.floor(date.getTime() / 1_000) * 1_000;
        const then = new Date(at + after * 1_000);
        const [, dd = "", month = "", year = "", time = ""] = then.toUTCString().split(" ");
        const forms = [
          then.toUTCString(),
          `${long[then.getUTCDay()]}, ${dd}-${month}-${year.slice(2)} ${time} GMT`,
          `${days[then.getUTCDay()]} ${month} ${dd.replace(/^0/, " ")} ${time} ${year}`,
        ];
        for (const form of forms) expect(parseRetryAfter(form, at)).toBe(Math.max(0, after * 1_000));
      }),
    );
  });

  it("is nothing, or 0 to a day, whatever the header and the clock", { timeout: 60_000 }, () => {
    const piece = fc.constantFrom(
      "Sun",
      "Mon,",
      "06",
      "Nov",
      "1994",
      "08:49:37",
      "GMT",
      "-",
      "9",
      " ",
      "9999",
      "UTC",
    );
    const text = fc.oneof(
      fc.string({ unit: fc.nat(0xd7ff).map((code) => String.fromCharCode(code)) }),
      fc.array(piece).map((pieces) => pieces.join(" ")),
      fc.integer().map(String),
      fc.double().map(String),
    );
    fc.assert(
      fc.property(text, fc.oneof(fc.integer(), fc.double({ noNaN: true })), (value, at) => {
        const wait = parseRetryAfter(value, at);
        if (wait === undefined) return;
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(day);
      }),
      { numRuns: 1_000 },
    );
  });
});
