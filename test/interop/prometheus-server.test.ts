import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { circuitBreaker, compose, constant, environment, retry, timeout } from "ninelives";
import { classifyHttp, resilientFetch, traceContext } from "ninelives/fetch";
import { batch, overHttp } from "ninelives/telemetry";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { freePort, RunningDemo } from "../e2e/running-demo.ts";
import { debian } from "./debian.ts";
import { promtool } from "./promtool.ts";
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

  it("has series in every family, and exemplars that lead to traces, from a service's own policies", async () => {
    const { ingestKey } = (await (await fetch(`${demo.origin}/shop/config.json`)).json()) as {
      ingestKey: string;
    };
    const sink = batch({
      deliver: overHttp({ url: `${demo.origin}/v1/events`, key: ingestKey }),
      source: "node",
    });
    // A service that is well, then silent, then down, then well again.
    let mood: "well" | "silent" | "down" = "well";
    const traces: string[] = [];
    const origin = createServer(({ headers }, response) => {
      traces.push(String(headers.traceparent).split("-")[1] ?? "");
      if (mood !== "silent") response.writeHead(mood === "well" ? 200 : 503).end();
    }).listen(0, "127.0.0.1");
    onTestFinished(() => {
      origin.closeAllConnections();
      origin.close();
    });
    await once(origin, "listening");
    const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`;
    const pay = resilientFetch({
      policy: compose(
        environment({ name: "checkout", sink, classify: classifyHttp }),
        retry({ attempts: 2, backoff: constant("5ms") }),
        circuitBreaker({ name: "payments", consecutiveFailures: 4, openFor: "200ms" }),
        timeout("100ms"),
        traceContext({ origins: new URL(url).origin }),
      ),
    });
    const call = () =>
      pay(url).then(
        (response) => response.body?.cancel(),
        () => {},
      );
    for (let times = 0; times < 5; times++) await call();
    mood = "silent";
    await call();
    mood = "down";
    for (let times = 0; times < 3; times++) await call();
    mood = "well";
    await vi.waitFor(async () => expect((await pay(url)).status).toBe(200), {
      timeout: 10_000,
      interval: 50,
    });
    await sink.flush();

    const wanted = [
      ['resilience_circuit_breaker_state_transitions_total{circuit="payments",to="open"}', 1],
      ['resilience_circuit_breaker_state_transitions_total{circuit="payments",to="half-open"}', 1],
      ['resilience_circuit_breaker_state_transitions_total{circuit="payments",to="closed"}', 1],
      ['resilience_circuit_breaker_calls_total{circuit="payments",state="closed",result="success"}', 5],
      ['resilience_circuit_breaker_calls_total{circuit="payments",state="closed",result="failure"}', 4],
      ['resilience_circuit_breaker_calls_total{circuit="payments",state="open",result="rejected"}', 1],
      ['resilience_circuit_breaker_calls_total{circuit="payments",state="half-open",result="success"}', 1],
      ['resilience_circuit_breaker_open_duration_seconds_count{circuit="payments"}', 1],
      ['resilience_timeout_operations_total{policy="checkout",result="timeout"}', 2],
      ['resilience_timeout_operations_total{policy="checkout",result="success"}', 6],
      ['resilience_retry_attempts_count{policy="checkout"}', 7],
      ['resilience_retry_attempts_bucket{policy="checkout",le=~"1(.0)?"}', 5],
    ] as const;
    await vi.waitFor(
      async () => {
        for (const [series, least] of wanted) {
          const [found] = await query(series);
          expect(Number(found?.value[1]), series).toBeGreaterThanOrEqual(least);
        }
      },
      { timeout: 20_000, interval: 250 },
    );
    const now = Date.now() / 1_000;
    const exemplars = await ask<readonly { exemplars: readonly { labels: { trace_id: string } }[] }[]>(
      "/api/v1/query_exemplars",
      {
        query: 'resilience_request_duration_seconds_bucket{policy="checkout"}',
        start: String(now - 600),
        end: String(now + 60),
      },
    );
    const led = exemplars.flatMap((series) => series.exemplars.map(({ labels }) => labels.trace_id));
    expect(led.length).toBeGreaterThan(0);
    expect(traces).toEqual(expect.arrayContaining(led));
  });

  it("and promtool complains of nothing in what the same Worker answers to who asks for no format", async () => {
    const response = await fetch(`${demo.origin}/metrics`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    expect(text).toContain('resilience_circuit_breaker_calls_total{policy="checkout"');
    expect(promtool(text)).toBe("");
  });
});
