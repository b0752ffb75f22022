import { Observer } from "ninelives/observer";

const since = Date.UTC(2026, 0, 1);
let kept: Observer | undefined;

/** Keeps an observer that saw what the query asks for, so that it can be weighed. */
const observing: ExportedHandler = {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/healthz") return new Response("ok");
    const [policies, slots, latencies] = ["policies", "slots", "latencies"].map((name) =>
      Number(searchParams.get(name)),
    ) as [number, number, number];
    kept = new Observer(since);
    for (let slot = 0; slot < slots; slot++)
      for (let policy = 0; policy < policies; policy++) see(kept, `policy ${policy}`, slot, latencies);
    return new Response(String(kept.events));
  },
};

function see(observer: Observer, policy: string, slot: number, latencies: number): void {
  const now = since + slot * 5_000;
  const events = Array.from({ length: latencies }, (_, index) => ({
    type: "request.succeeded" as const,
    policy,
    at: now,
    // Others in each slot, over three decades.
    duration: 10 ** (((index * 7919 + slot * 104_729) % 3_000) / 1_000),
    attempts: 1,
    circuits: [{ circuit: policy, state: "closed" as const, result: "success" as const }],
  }));
  const source = { id: crypto.randomUUID(), kind: "worker" };
  observer.fold({ source, sentAt: now, dropped: 0, events }, now);
}

// biome-ignore lint/style/noDefaultExport: the platform wants the handler so.
export default observing;
