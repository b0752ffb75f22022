import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandEnvelope, ParameterState } from "ninelives/control";
import type { LiveMessage, PolicyState, SystemState, WindowState } from "ninelives/observer";
import type { BrowserContext, Page, WebSocketRoute } from "playwright";

const built = join(import.meta.dirname, "../../dist/web");
const types: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
};
/** Where the built dashboard is served, to nobody but the context that asks. */
const origin = "http://dashboard.test";
const policyOfContent = /Content-Security-Policy: (.*)/.exec(
  readFileSync(join(built, "_headers"), "utf8"),
)?.[1];

/** The dashboard as it was built, with an observer and a control plane that the test plays. */
export class PlayedObserver {
  /** What was sent to `/v1/commands`, with the token that came along, and for which circuit. */
  readonly commands: {
    readonly name: string;
    readonly token: string | undefined;
    readonly circuit?: unknown;
  }[] = [];
  /** Paths that were asked for and that there are none of. */
  readonly missing: string[] = [];
  /** What `/v1/audit` answers. */
  entries: readonly (typeof entry)[] = [entry];
  readonly #snapshot: LiveMessage;
  readonly #sockets = new Set<WebSocketRoute>();

  readonly #documents: typeof documents;

  /** @param known the policies that may be steered */
  constructor(
    state: SystemState,
    events: Extract<LiveMessage, { type: "snapshot" }>["events"] = [],
    known = documents,
  ) {
    this.#snapshot = { type: "snapshot", state, events };
    this.#documents = known;
  }

  /** Answers whatever the pages of a context ask. */
  async answer(context: BrowserContext): Promise<void> {
    await context.routeWebSocket(/\/v1\/live/, (socket) => {
      this.#sockets.add(socket);
      socket.onMessage((text) => {
        if (text === "ping") socket.send("pong");
      });
      socket.send(JSON.stringify(this.#snapshot));
    });
    await context.route(`${origin}/**`, async (route) => {
      const path = new URL(route.request().url()).pathname;
      const json = (value: unknown, status = 200) =>
        route.fulfill({ status, contentType: "application/json", body: JSON.stringify(value) });
      if (path === "/v1/policies") return json({ policies: this.#documents });
      if (path === "/v1/parameters") return json({ parameters });
      if (path === "/v1/audit") return json({ entries: this.entries, intact: true });
      if (path === "/v1/state") return json({}, 503);
      if (path === "/v1/commands") {
        const token = route.request().headers().authorization;
        const { id, name, args } = route.request().postDataJSON() as CommandEnvelope;
        this.commands.push({ name, token, circuit: args.circuit });
        const [status, answer] =
          token === "Bearer wrong" ? [401, { status: 401, detail: "no" }] : answerTo(name, args);
        return json(status === 200 ? { id, name, value: answer } : answer, status);
      }
      const file = path === "/" ? "index.html" : path.slice(1);
      try {
        const body = readFileSync(join(built, file));
        const contentType = types[file.split(".").at(-1) ?? ""] ?? "application/octet-stream";
        await route.fulfill({
          body,
          contentType,
          headers: { "content-security-policy": policyOfContent ?? "" },
        });
      } catch {
        this.missing.push(path);
        await route.fulfill({ status: 404 });
      }
    });
  }

  /** Goes to a view, and waits until the page has what it shows. */
  async open(page: Page, hash = "#/"): Promise<void> {
    await page.goto(`${origin}/${hash}`);
    await page.getByText("live", { exact: true }).waitFor();
  }

  say(message: LiveMessage): void {
    for (const socket of this.#sockets) socket.send(JSON.stringify(message));
  }

  /** Ends the connections, and lets in whoever comes again. */
  async hiccup(): Promise<void> {
    const ended = [...this.#sockets];
    this.#sockets.clear();
    for (const socket of ended) await socket.close({ code: 1011 });
  }

  /** How many are connected. */
  get viewers(): number {
    return this.#sockets.size;
  }

  /** Ends the connections, and lets nobody in again. */
  async vanish(context: BrowserContext): Promise<void> {
    await context.routeWebSocket(/\/v1\/live/, (socket) => socket.close({ code: 1011 }));
    for (const socket of this.#sockets) await socket.close({ code: 1011 });
  }
}

/** What the control plane answers, and with which status. */
function answerTo(name: string, { dryRun, value }: CommandEnvelope["args"]): [number, unknown] {
  if (name === "policy.history") return [200, versions];
  if (name === "audit.verify") return [200, { intact: true, entries: 1_204 }];
  if (value === "abc") {
    return [422, { status: 422, detail: "value: attempts must be a whole number, but is abc" }];
  }
  if (!dryRun) return [200, { ...documents[0], version: 3 }];
  const [line, column] = [1, 12];
  const message = `text: line ${line}, column ${column}: found "+", but expected , or )`;
  if (name === "policy.set") return [200, { applies: false, version: 2, changes: [], errors: [{ message }] }];
  const changes = [{ path: "retry.attempts", before: "3", after: String(value ?? 2) }];
  return [200, { applies: true, version: 2, changes, errors: [] }];
}

const documents = [
  { name: "products", text: "timeout(5s) + retry(3)", version: 2, updatedAt: 1_000, updatedBy: "ada" },
  { name: "never-called", text: "retry(3)", version: 0, updatedAt: null, updatedBy: null },
];

const versions = [
  { ...documents[0], until: Date.now() + 600_000 },
  { ...documents[0], version: 1, text: "timeout(5s) + retry(2)" },
];

const parameters: readonly ParameterState[] = [
  { path: "products/timeout.after", value: "5s", given: true, default: null, kind: "duration", version: 2 },
  {
    path: "products/retry.attempts",
    value: "3",
    given: true,
    default: "3",
    kind: "whole",
    minimum: 1,
    maximum: 10,
    version: 2,
  },
  { path: "products/retry.within", value: null, given: false, default: null, kind: "duration", version: 2 },
];

/** What a command left in the audit log. */
export const entry = {
  seq: 1,
  at: 1_000,
  id: "a1",
  identity: "ada",
  command: "circuit.open",
  args: '{"circuit":"products"}',
  outcome: "done",
  reason: null,
  hash: "00",
};

const seen: WindowState = {
  requests: 120,
  failures: 12,
  degraded: 6,
  aborted: 1,
  rate: 2,
  errorRate: 0.1,
  p50: 12,
  p90: 40,
  p99: 90,
  p999: 140,
  amplification: 1.3,
  attempts: 156,
  retries: 30,
  timeouts: 2,
  rejected: 4,
  waits: 9,
  fallbacks: 1,
  hedges: 6,
  hedgesWon: 4,
  active: 7,
};
const points = <T>(make: (index: number) => T): T[] => Array.from({ length: 24 }, (_, index) => make(index));

/** A policy that somebody called, `more` being what is special about it. */
export function calledPolicy(policy: string, at: number, more: Partial<PolicyState> = {}): PolicyState {
  return {
    policy,
    lastEventAt: at - 400,
    reporters: 3,
    windows: { "1m": seen, "5m": seen, "15m": seen },
    circuits: [
      {
        circuit: policy,
        state: "closed",
        since: at - 600_000,
        until: null,
        reason: null,
        openings: 0,
        heardAt: at,
        timeIn: { closed: 600_000 },
      },
    ],
    limits: { concurrency: 10, rate: 300, per: 60_000 },
    series: {
      step: 5_000,
      requests: points((index) => 8 + (index % 5)),
      failures: points((index) => index % 4),
      rejected: points((index) => index % 3),
      p50: points((index) => (index === 4 ? null : 10 + index)),
      p99: points((index) => (index === 4 ? null : 60 + index * 3)),
    },
    ...more,
  };
}

/** A state of the system with these policies. */
export function systemOf(
  policies: readonly PolicyState[],
  at: number,
  more: Partial<SystemState> = {},
): SystemState {
  return { version: 1, at, since: at - 3_600_000, events: 900, dropped: 0, policies, ...more };
}
