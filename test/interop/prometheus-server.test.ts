import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { freePort, RunningDemo } from "../e2e/running-demo.ts";
import { debian } from "./debian.ts";
import { Server } from "./server.ts";

/** A sample as Prometheus answers it. */
interface Found {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
}

const scratch = mkdtempSync(join(tmpdir(), "ninelives-scraped-"));
let demo: RunningDemo;
let server: Server;
let api: string;

async function ask<T>(path: string, parameters: Record<string, string>): Promise<T> {
  const response = await fetch(`${api}${path}?${new URLSearchParams(parameters)}`);
  const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
  if (status !== "success") throw new Error(`Prometheus says: ${error}`);
  return data;
}

const query = async (text: string): Promise<readonly Found[]> =>
  (await ask<{ result: readonly Found[] }>("/api/v1/query", { query: text })).result;

beforeAll(async () => {
  debian("prometheus", "prometheus");
  server = new Server("prometheus");
  const port = await freePort();
  demo = await RunningDemo.start(await freePort(), scratch);
  const config = join(server.folder, "prometheus.yml");
  writeFileSync(
    config,
    `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: ninelives
    static_configs: [{ targets: ["${new URL(demo.origin).host}"] }]
`,
  );
  await server.start(
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(server.folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--enable-feature=exemplar-storage",
    ],
    /Server is ready/,
  );
  api = `http://127.0.0.1:${port}`;
}, 300_000);

afterAll(async () => {
  await server?.remove();
  await demo?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

describe("a Prometheus server that scrapes the running Worker", () => {
  it("knows every family from its first scrape", async () => {
    const families = await vi.waitFor(
      async () => {
        const found = await ask<Record<string, readonly { type: string }[]>>("/api/v1/metadata", {});
        expect(Object.keys(found).length).toBeGreaterThan(10);
        return found;
      },
      { timeout: 20_000, interval: 250 },
    );
    const types = Object.fromEntries(Object.entries(families).map(([name, [first]]) => [name, first?.type]));
    // It scrapes OpenMetrics, whose counters are named without their suffix; it puts that back or not by its version.
    const typeOf = (name: string) => types[name] ?? types[name.replace(/_total$/, "")];
    expect(typeOf("resilience_circuit_breaker_state_transitions_total")).toBe("counter");
    expect(typeOf("resilience_circuit_breaker_calls_total")).toBe("counter");
    expect(typeOf("resilience_timeout_operations_total")).toBe("counter");
    expect(typeOf("resilience_circuit_breaker_open_duration_seconds")).toBe("histogram");
    expect(typeOf("resilience_retry_attempts")).toBe("histogram");
  });

  it("counts the calls that came through the gateway", async () => {
    for (let call = 0; call < 10; call++) {
      const response = await fetch(`${demo.origin}/gateway/products/`);
      await response.body?.cancel();
    }
    await vi.waitFor(
      async () => {
        const [answered] = await query('sum(resilience_requests_total{result=~"success|failure"})');
        expect(Number(answered?.value[1])).toBeGreaterThanOrEqual(10);
        const [timed] = await query("sum(resilience_request_duration_seconds_count)");
        expect(Number(timed?.value[1])).toBeGreaterThanOrEqual(10);
        const [p50] = await query(
          "histogram_quantile(0.5, sum by (le) (resilience_request_duration_seconds_bucket))",
        );
        expect(Number(p50?.value[1])).toBeGreaterThan(0);
      },
      { timeout: 20_000, interval: 250 },
    );
    const targets = await ask<{ activeTargets: readonly { health: string; lastError: string }[] }>(
      "/api/v1/targets",
      {},
    );
    expect(targets.activeTargets.map(({ health, lastError }) => [health, lastError])).toEqual([["up", ""]]);
  });
});
