import { resilientFetch } from "ninelives/browser";
import { afterEach, describe, expect, it, vi } from "vitest";

describe.skipIf("indexedDB" in globalThis)(
  "resilientFetch of ninelives/browser, where there is no IndexedDB",
  () => {
    afterEach(() => vi.unstubAllGlobals());

    it("is alone, as on a server that renders pages: no channel, and a circuit of its own", async () => {
      const joined = vi.fn();
      vi.stubGlobal("BroadcastChannel", joined);
      const [one, two] = [503, 200].map((status) =>
        resilientFetch({ fetch: async () => new Response(null, { status }) }),
      );
      const call = (fetch = one) => fetch?.("https://api.test/orders", { method: "POST" });
      for (let each = 0; each < 20; each++) await call();
      await expect(call()).rejects.toMatchObject({ kind: "circuit-open" });
      await expect(call(two)).resolves.toMatchObject({ status: 200 });
      expect(joined).not.toHaveBeenCalled();
    });

    it("refuses what is no option", () => {
      expect(() => resilientFetch({ shared: true } as never)).toThrow(
        'resilientFetch has no option "shared"',
      );
    });
  },
);
