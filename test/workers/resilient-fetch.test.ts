import { env } from "cloudflare:workers";
import { perOrigin } from "ninelives/fetch";
import { resilientFetch } from "ninelives/workers";
import { describe, expect, it, vi } from "vitest";

/** One isolate's fetch, with an origin behind it that answers so. */
function isolate(status: number, options: Parameters<typeof resilientFetch>[0] = {}) {
  const kept: Promise<unknown>[] = [];
  const send = resilientFetch({
    fetch: async () => new Response(null, { status }),
    environment: { waitUntil: (work) => kept.push(work) },
    ...options,
  });
  const call = (url: string) => send(`${url}/orders`, { method: "POST" });
  return {
    call,
    kept,
    /** So many calls that its own circuit opens, and the report of it. */
    async fail(url: string) {
      for (let each = 0; each < 20; each++) await call(url);
      await expect(call(url)).rejects.toMatchObject({ kind: "circuit-open" });
      await Promise.all(kept);
    },
  };
}

let made = 0;
const somewhere = () => `https://origin-${++made}.test`;

describe("resilientFetch of ninelives/workers", () => {
  it("without a policy: what one isolate finds out, the next one knows from the Durable Object", async () => {
    const url = somewhere();
    const [one, two] = [isolate(503), isolate(200)];
    await one.fail(url);
    await vi.waitFor(
      async () => {
        await one.call(url).catch(() => {});
        expect(await env.CIRCUITS.getByName(url).view()).toMatchObject({ state: "open" });
      },
      { timeout: 15_000 },
    );
    // Its first call does not wait to be told.
    expect((await two.call(url)).status).toBe(200);
    await Promise.all(two.kept);
    await expect(two.call(url)).rejects.toMatchObject({ kind: "circuit-open" });
    expect((await two.call(somewhere())).status).toBe(200);
  });

  it("lets a report ride along by the platform's own waitUntil", async () => {
    const url = somewhere();
    const send = resilientFetch({ fetch: async () => new Response() });
    await send(url);
    await vi.waitFor(
      async () => expect(await env.CIRCUITS.getByName(url).view()).toMatchObject({ state: "closed" }),
      { timeout: 15_000 },
    );
  });

  it("shares nothing with a policy that shares nothing", async () => {
    const url = somewhere();
    const alone = isolate(503, { policy: perOrigin() });
    await alone.fail(url);
    expect(alone.kept).toEqual([]);
    expect(await env.CIRCUITS.getByName(url).view()).toBeUndefined();
  });
});
