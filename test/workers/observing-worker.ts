import type { PolicyEvent } from "ninelives";
import { Observer } from "ninelives/observer";

const since = Date.UTC(2026, 0, 1);
let kept: Observer | undefined;

/** Keeps an observer that saw what the query asks for, so that it can be weighed. */
const observing: ExportedHandler = {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/healthz") return new Response("ok");
    const hostile = Number(searchParams.get("hostile"));
    const [policies, slots, latencies] = ["policies", "slots", "latencies"].map((name) =>
      Number(searchParams.get(name)),
    ) as [number, number, number];
    kept = new Observer(since);
    for (let slot = 0; slot < 180; slot++)
      for (let policy = 0; policy < hostile; policy++) flood(kept, long(`hostile ${policy}`), slot);
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

/** A name as long as the collector takes it. */
const long = (name: string): string => name.padEnd(100, ".");

/** The worst that five seconds of one policy can hold: every latency, more circuits than are told apart, many sources. */
function flood(observer: Observer, policy: string, slot: number): void {
  const now = since + slot * 5_000;
  const told = { policy, at: now };
  const calls = Array.from({ length: 520 }, (_, bucket): PolicyEvent => {
    const duration = 0.011 * 2 ** (bucket / 13.6);
    const traceId = (slot * 1_000 + bucket).toString(16).padStart(32, "0");
    return { type: "request.succeeded", ...told, duration, attempts: 1 + (bucket % 12), traceId };
  });
  const turns = Array.from({ length: 60 }, (_, index): PolicyEvent[] => {
    const circuit = long(`${policy.slice(0, 20)} circuit ${index}`);
    const states = ["closed", "open", "half-open", "forced-open", "disabled", "metrics-only"] as const;
    const called = states.map(
      (state): PolicyEvent => ({ type: "circuit.called", ...told, circuit, state, result: "success" }),
    );
    return [
      ...called,
      {
        type: "circuit.opened",
        ...told,
        circuit,
        from: "closed",
        failureRate: 1,
        openFor: 5,
        reason: "failures",
      },
      { type: "circuit.half-opened", ...told, at: now + 1, circuit, from: "open" },
      { type: "circuit.closed", ...told, at: now + 2, circuit, from: "half-open", openFor: 2 ** (slot % 20) },
    ];
  }).flat();
  const events = [...calls, ...turns];
  for (let first = 0; first < events.length; first += 10) {
    const source = { id: crypto.randomUUID(), kind: "page" };
    observer.fold({ source, sentAt: now + 2, dropped: 0, events: events.slice(first, first + 10) }, now + 2);
  }
}

// biome-ignore lint/style/noDefaultExport: the platform wants the handler so.
export default observing;
