import { parse } from "ninelives";
import { type FetchCall, resilientFetch } from "ninelives/fetch";
import { healthy, type Knobs, type KnobsChange, type KnobsReport, type Resource } from "./wire.ts";

/** Milliseconds between two looks at the knobs. */
const lookEvery = 1500;

interface Act {
  readonly note: string;
  readonly seconds: number;
  /** What is not healthy in it. */
  readonly troubles: Partial<Record<Resource, Partial<Knobs>>>;
}

/** What is played, over and over. */
const acts: readonly Act[] = [
  { note: "all is well", seconds: 45, troubles: {} },
  { note: "prices are slow", seconds: 25, troubles: { prices: { latency: 900 } } },
  {
    note: "reviews are failing",
    seconds: 30,
    troubles: { prices: { latency: 300 }, reviews: { errorRate: 0.95 } },
  },
  { note: "reviews are recovering", seconds: 25, troubles: { reviews: { latency: 250, errorRate: 0.1 } } },
  { note: "all is well", seconds: 35, troubles: {} },
  { note: "products are slow", seconds: 20, troubles: { products: { latency: 1200, errorRate: 0.1 } } },
  { note: "prices are out of order", seconds: 30, troubles: { prices: { outage: true } } },
  { note: "prices are recovering", seconds: 25, troubles: { prices: { latency: 400, errorRate: 0.05 } } },
];

/**
 * Plays with the origin's knobs until `signal` aborts, and lets go while a visitor holds them.
 *
 * Each look compares what should be with what is, so that neither a lost call nor a restart throws it off.
 */
export async function playScenario(origin: string, signal: AbortSignal): Promise<void> {
  const url = `${origin}/gateway/knobs`;
  const call = resilientFetch({ policy: parse<FetchCall, Response>("timeout(5s) + retry(3) + timeout(2s)") });
  const put = (change: Omit<KnobsChange, "by">) =>
    call(url, { method: "PUT", body: JSON.stringify({ by: "scenario", ...change }), signal });
  let began = Date.now();
  let playing: Act | undefined;

  while (!signal.aborted) {
    try {
      const { by, note, heldFor } = (await (await call(url, { signal })).json()) as KnobsReport;
      if (heldFor > 0) {
        // The play begins anew when the visitor has left.
        began = Date.now();
        playing = undefined;
      } else {
        const act = actAt(Date.now() - began);
        if (act !== playing || by !== "scenario" || note !== act.note) {
          await put({ note: act.note, ...healthy });
          for (const [resource, knobs] of Object.entries(act.troubles)) {
            await put({ resource: resource as Resource, note: act.note, ...knobs });
          }
          playing = act;
        }
      }
    } catch {
      // The next look tries again; what is wrong shows on the dashboard.
    }
    await new Promise((resolve) => setTimeout(resolve, lookEvery));
  }
}

function actAt(ms: number): Act {
  const whole = acts.reduce((sum, { seconds }) => sum + seconds, 0);
  let left = (ms / 1000) % whole;
  const act = acts.find(({ seconds }) => {
    left -= seconds;
    return left < 0;
  });
  return act ?? (acts[0] as Act);
}
