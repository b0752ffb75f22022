import { describe, expect, it } from "vitest";
import { redisStore, upstash } from "../../src/stores/redis.ts";
import { deaf, report } from "../contracts/store.ts";

// The contract, against a real server, is in test/interop/redis.test.ts.

describe("redisStore", () => {
  it("keeps each name under a key of its own, with the prefix", async () => {
    const keys: (string | undefined)[] = [];
    const replies: unknown[] = [["", "", "1700000000", "500000"], 1];
    const store = redisStore({
      async sendCommand(command) {
        keys.push(command[3]);
        return replies.shift();
      },
    });
    await store.sync("prices", report(), deaf);
    expect(keys).toEqual(["ninelives:prices", "ninelives:prices"]);
  });

  it("refuses a time that is none, with the option's name", () => {
    const client = { sendCommand: async () => 1 };
    expect(() => redisStore(client, { forgetAfter: "soon" as "1s" })).toThrow(
      /redisStore: forgetAfter must be a duration.*"soon"/,
    );
  });
});

describe("upstash", () => {
  it("posts a command as JSON, with the token", async () => {
    const sent: [string, RequestInit | undefined][] = [];
    const client = upstash({
      url: "https://some.upstash.test",
      token: "secret",
      fetch: async (url, init) => {
        sent.push([String(url), init]);
        return Response.json({ result: "PONG" });
      },
    });
    expect(await client.sendCommand(["PING"])).toBe("PONG");
    expect(sent).toMatchObject([
      [
        "https://some.upstash.test",
        { method: "POST", body: '["PING"]', headers: { authorization: "Bearer secret" } },
      ],
    ]);
  });

  it.each([
    [429, true],
    [503, true],
    [500, false],
  ])("an answer of %i is thrown, overloaded: %s", async (status, overloaded) => {
    const fetch = async () => Response.json({ error: "ERR max requests limit exceeded" }, { status });
    const store = redisStore(upstash({ url: "https://some.upstash.test", token: "secret", fetch }));
    await expect(store.sync("prices", report(), deaf)).rejects.toMatchObject({ status, overloaded });
  });
});
