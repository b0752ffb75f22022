import { Agent, request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BareWorkerd } from "./bare-workerd.ts";
import { freePort } from "./running-demo.ts";

const requests = 10_000;

interface Calls {
  readonly CIRCUITS: number;
  readonly OBSERVER: number;
  readonly CONTROL: number;
}

let edge: BareWorkerd;
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

beforeAll(async () => {
  edge = await BareWorkerd.start({
    entry: "test/workers/counting-worker.ts",
    port: await freePort(),
    vars: {
      // The standard policy, and a rate limit for the fleet: its home is asked for shares.
      UPSTREAMS: JSON.stringify({
        origin: { service: "ORIGIN" },
        limited: { service: "ORIGIN", policy: "rateLimit(limit: 100000, per: 1s) + standard" },
        // Nobody hears of these before all objects fall silent.
        unheard: { service: "ORIGIN", policy: "rateLimit(limit: 100000, per: 1s) + standard" },
        scarce: { service: "ORIGIN", policy: "rateLimit(limit: 100, per: 1h) + standard" },
      }),
      PUBLIC_READS: "false",
    },
  });
}, 60_000);

afterAll(async () => {
  agent.destroy();
  await edge?.remove();
});

const status = (upstream: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(`${edge.origin}/gateway/${upstream}/some/path`, { agent }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    })
      .on("error", reject)
      .end();
  });

/** Sends so many requests through the gateway, sixteen at a time, and gives how they were answered. */
async function send(count: number, upstream = "origin"): Promise<Map<number | undefined, number>> {
  const answers = new Map<number | undefined, number>();
  let left = count;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (left-- > 0) {
        const answer = await status(upstream);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    }),
  );
  return answers;
}

/** What was called since this was asked last. */
async function calls(query = ""): Promise<Calls> {
  return (await (await fetch(`${edge.origin}/calls${query}`)).json()) as Calls;
}

describe("the gateway in plain workerd", () => {
  it("costs at most 20 calls of circuits' objects for 10,000 requests", { timeout: 300_000 }, async () => {
    await calls();
    const began = performance.now();
    expect(await send(requests)).toEqual(new Map([[200, requests]]));
    const seconds = (performance.now() - began) / 1_000;
    const { CIRCUITS, OBSERVER, CONTROL } = await calls();
    console.log(
      `${requests} requests in ${seconds.toFixed(1)} s: circuit calls ${CIRCUITS}, telemetry ${OBSERVER}, documents ${CONTROL}`,
    );
    expect(CIRCUITS).toBeGreaterThan(0);
    expect(CIRCUITS).toBeLessThanOrEqual(20);
  });

  it("costs at most 20 of circuits and limits together, with a rate limit of the fleet", {
    timeout: 300_000,
  }, async () => {
    await calls();
    const began = performance.now();
    expect(await send(requests, "limited")).toEqual(new Map([[200, requests]]));
    const { CIRCUITS } = await calls();
    const seconds = (performance.now() - began) / 1_000;
    console.log(
      `${requests} requests under a shared limit in ${seconds.toFixed(1)} s: circuit and limiter calls ${CIRCUITS}`,
    );
    expect(CIRCUITS).toBeGreaterThan(0);
    expect(CIRCUITS).toBeLessThanOrEqual(20);
  });

  it("waits for none of them: circuits and limits decide alone while no object of any binding answers", {
    timeout: 300_000,
  }, async () => {
    await calls("?mute=true");
    const asked = { CIRCUITS: 0, OBSERVER: 0, CONTROL: 0 };
    // A report rides along with a request only every 2 s, and so does a look at the documents.
    await expect
      .poll(
        async () => {
          for (const upstream of ["origin", "limited"])
            expect(await send(100, upstream)).toEqual(new Map([[200, 100]]));
          const { CIRCUITS, OBSERVER, CONTROL } = await calls("?mute=true");
          asked.CIRCUITS += CIRCUITS;
          asked.OBSERVER += OBSERVER;
          asked.CONTROL += CONTROL;
          return Math.min(asked.CIRCUITS, asked.OBSERVER, asked.CONTROL);
        },
        { timeout: 60_000, interval: 100 },
      )
      .toBeGreaterThan(0);
    for (const upstream of ["origin", "limited", "unheard"])
      expect(await send(1_000, upstream)).toEqual(new Map([[200, 1_000]]));
    // A tenth of a limit is for who never heard from its home, and the rest is refused here and now.
    const scarce = new Map([
      [200, 10],
      [429, 90],
    ]);
    expect(await send(100, "scarce")).toEqual(scarce);
  });
});
