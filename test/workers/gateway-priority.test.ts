import { sha256 } from "ninelives/control";
import { describe, expect, it, vi } from "vitest";
import { problemIn, testWorker } from "./test-worker.ts";

const policy = "bulkhead(1, queue: 1, maximumWait: 20s) + timeout(30s)";

/** A gateway to an origin that takes one request at a time, and holds each until it is let go. */
async function stage(priority: object | undefined) {
  const held: ((answer: Response) => void)[] = [];
  const worker = await testWorker({
    upstreams: { prices: { service: "ORIGIN", policy, ...(priority && { priority }) } },
    origin: () => new Promise<Response>((resolve) => held.push(resolve)),
    env: {
      TOKENS: JSON.stringify([
        { name: "checkout", sha256: await sha256("t1"), scopes: ["priority.prices"] },
        { name: "other", sha256: await sha256("t2"), scopes: ["priority.stock", "read"] },
        { name: "acme", sha256: await sha256("t3"), scopes: ["*"], policies: ["acme-*"] },
      ]),
    },
  });
  const send = (name: string, headers: Record<string, string> = {}) =>
    worker.fetch(`/gateway/prices/${name}`, { headers });
  const first = send("first");
  await vi.waitFor(() => expect(held).toHaveLength(1));
  const waiting = send("waiting");
  // It is in the queue before the next one comes: both go the same way, and this one went first.
  await vi.waitFor(async () => expect((await send("refused", { priority: "u=7" })).status).toBe(503));
  const letGo = async () => {
    for (let index = 0; index < 2; index++) {
      await vi.waitFor(() => expect(held.length).toBeGreaterThan(index));
      held[index]?.(new Response("fine"));
    }
    await Promise.all([first, waiting]);
  };
  return { ...worker, send, waiting, letGo };
}

const paths = (seen: readonly Request[]) => seen.map(({ url }) => new URL(url).pathname);
const urgent = { priority: "u=0", "x-ninelives-token": "t1" };

describe("the gateway's priorities", () => {
  it("shed first what is the least urgent, for whoever may say so", async () => {
    const { send, waiting, letGo, seen } = await stage({});
    const answer = send("urgent", urgent);
    expect((await problemIn(await waiting)).type).toBe("urn:ninelives:problem:bulkhead-full");
    await letGo();
    expect((await answer).status).toBe(200);
    expect(paths(seen)).toEqual(["/first", "/urgent"]);
    expect(seen[1]?.headers.get("x-ninelives-token")).toBeNull();
    expect(seen[1]?.headers.get("priority")).toBe("u=0");
  });

  it.each([
    ["nobody's", { priority: "u=0" }],
    ["a wrong", { priority: "u=0", "x-ninelives-token": "wrong" }],
    ["another upstream's", { priority: "u=0", "x-ninelives-token": "t2" }],
    ["another tenant's", { priority: "u=0", "x-ninelives-token": "t3" }],
    ["no urgent", { "x-ninelives-token": "t1" }],
  ])("believe %s word no more than any other", async (_, headers) => {
    const { send, waiting, letGo, seen } = await stage({});
    expect((await send("stranger", headers as Record<string, string>)).status).toBe(503);
    await letGo();
    expect((await waiting).status).toBe(200);
    expect(paths(seen)).toEqual(["/first", "/waiting"]);
  });

  it("believe everybody where the upstream says so, by the header that it names", async () => {
    const { send, waiting, letGo, seen } = await stage({ header: "x-urgency", trust: "everybody" });
    expect((await send("other", { priority: "u=0" })).status).toBe(503);
    const answer = send("urgent", { "x-urgency": "u=1" });
    expect((await waiting).status).toBe(503);
    await letGo();
    expect((await answer).status).toBe(200);
    expect(paths(seen)).toEqual(["/first", "/urgent"]);
  });

  it("are all the same where the upstream has none", async () => {
    const { send, waiting, letGo } = await stage(undefined);
    expect((await send("urgent", urgent)).status).toBe(503);
    await letGo();
    expect((await waiting).status).toBe(200);
  });
});
