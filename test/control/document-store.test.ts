import { describe, expect, it } from "vitest";
import { documentStore, inForce } from "../../src/control/index.ts";
import { memoryHome } from "../../src/stores/memory.ts";
import { documentStoreContract } from "../contracts/document-store.ts";

documentStoreContract("memory", () => documentStore(memoryHome()));

describe("documentStore", () => {
  it("goes by the home's clock, and writes down the end of an override that somebody finds", async () => {
    const home = memoryHome();
    let now = 1_000;
    const store = documentStore({
      ...home,
      get: async (name, signal) => ({ ...(await home.get(name, signal)), now }),
    });
    await store.change("prices", "retry(3)", { text: "retry(9)", expected: 0, by: "ann", holds: 500 });
    now = 1_499;
    const { signal } = new AbortController();
    const before = await home.get("documents", signal);
    expect(inForce((await store.history("prices")) as never).text).toBe("retry(9)");
    expect(await home.get("documents", signal)).toEqual(before);
    now = 1_500;
    expect(inForce((await store.history("prices")) as never)).toMatchObject({
      text: "retry(3)",
      updatedAt: 1_500,
    });
    expect((await home.get("documents", signal)).text).toContain("end of version 1");
  });

  it("keeps under a name of one's own, and leaves alone what is not its own", async () => {
    const home = memoryHome();
    const { signal } = new AbortController();
    await documentStore(home, { name: "mine" }).change("a", "retry", {
      text: "retry(9)",
      expected: 0,
      by: "ann",
    });
    expect(await documentStore(home).histories()).toEqual([]);
    for (const text of ['{"a":1}', "[1]", "[[]]", "no json"]) {
      const { version } = await home.get("documents", signal);
      await home.set("documents", text, version, signal);
      await expect(documentStore(home).histories()).rejects.toThrow();
      expect((await home.get("documents", signal)).text).toBe(text);
    }
  });

  it("gives up on a home that never lets it write, and says so", async () => {
    const home = { ...memoryHome(), set: async () => false };
    const change = documentStore(home).change("a", "retry", { text: "retry(9)", expected: 0, by: "ann" });
    await expect(change).rejects.toThrow();
  });
});
