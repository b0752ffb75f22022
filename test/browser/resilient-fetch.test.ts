import { createStore, get } from "idb-keyval";
import { resilientFetch } from "ninelives/browser";
import { perOrigin } from "ninelives/fetch";
import { afterEach, describe, expect, it, vi } from "vitest";

/** An origin that no test before has used: the database outlives them. */
const somewhere = () => `https://${crypto.randomUUID()}.test`;

/** One tab's fetch, with an origin behind it that is down, or has become well. */
function tab(options: Parameters<typeof resilientFetch>[0] = {}) {
  const origin = { down: true, calls: 0 };
  const send = resilientFetch({
    fetch: async () => {
      origin.calls++;
      return new Response(null, { status: origin.down ? 503 : 200 });
    },
    ...options,
  });
  const call = (url: string) => send(`${url}/orders`, { method: "POST" });
  return {
    origin,
    call,
    /** So many calls that its own circuit opens. */
    async fail(url: string) {
      for (let each = 0; each < 20; each++) await call(url);
      await expect(call(url)).rejects.toMatchObject({ kind: "circuit-open" });
    },
  };
}

const recordOf = (url: string) => get(url, createStore("ninelives", "circuits"));

describe("resilientFetch of ninelives/browser", () => {
  afterEach(() => vi.restoreAllMocks());

  it("without options: what one tab finds out, the next one knows", async () => {
    const url = somewhere();
    const [one, two] = [tab(), tab()];
    two.origin.down = false;
    await one.fail(url);
    await vi.waitFor(
      async () => {
        await one.call(url).catch(() => {});
        expect(await recordOf(url)).toMatchObject({ state: "open" });
      },
      { timeout: 15_000 },
    );
    await vi.waitFor(
      async () => expect(await two.call(url).catch((error) => error)).toMatchObject({ kind: "circuit-open" }),
      { timeout: 15_000 },
    );
    // Other origins are none of this one's business.
    expect((await two.call(somewhere())).status).toBe(200);
  });

  it("lets no call wait for a database that does not answer, nor fail with it", async () => {
    vi.spyOn(indexedDB, "open").mockImplementation(() => ({}) as IDBOpenDBRequest);
    const url = somewhere();
    const one = tab();
    await one.fail(url);
    expect(one.origin.calls).toBe(20);
  });

  it("opens nothing when it is made", () => {
    const open = vi.spyOn(indexedDB, "open");
    resilientFetch();
    expect(open).not.toHaveBeenCalled();
  });

  it("shares nothing with a policy that shares nothing", async () => {
    const url = somewhere();
    const open = vi.spyOn(indexedDB, "open");
    await tab({ policy: perOrigin() }).fail(url);
    expect(open).not.toHaveBeenCalled();
  });
});
