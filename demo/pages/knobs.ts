import { parse } from "ninelives";
import { type FetchCall, resilientFetch } from "ninelives/fetch";
import type { KnobsChange, KnobsReport } from "../wire.ts";

const url = "/gateway/knobs";

/** The knobs of the origin, reached through the gateway like everything else. */
export interface Knobs {
  read(): Promise<KnobsReport>;
  turn(change: KnobsChange): Promise<KnobsReport>;
  /** Heals everything and lets the scenario play. */
  release(): Promise<KnobsReport>;
}

export function knobs(): Knobs {
  const call = resilientFetch({
    policy: parse<FetchCall, Response>("timeout(6s) + retry(3) + timeout(3s)"),
    environment: { name: "page.knobs" },
  });

  async function ask(init?: RequestInit): Promise<KnobsReport> {
    const response = await call(url, init);
    if (!response.ok) throw new Error(`the knobs answered ${response.status}`);
    return (await response.json()) as KnobsReport;
  }

  return {
    read: () => ask(),
    turn: (change) =>
      ask({
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(change),
      }),
    release: () => ask({ method: "DELETE" }),
  };
}
