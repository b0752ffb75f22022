import type { TokenRecord } from "../control/tokens.ts";
import { apiVersion, version } from "../control/version.ts";
import type { LiveMessage } from "../observer/live.ts";
import type { SystemState } from "../observer/system-state.ts";
import { CliError, exits } from "./cli-error.ts";
import type { Call } from "./command.ts";
import { refusalWords } from "./document-words.ts";
import { counted, figures, span } from "./figures.ts";
import { liveMessages } from "./live.ts";
import { until } from "./until.ts";

/** What a check came to, and what to do about it. */
export interface Finding {
  readonly result: "ok" | "warning" | "failed" | "skipped";
  readonly detail: string;
  readonly fix?: string;
}

/** What later checks may know of earlier ones. */
export interface Findings {
  unreachable?: boolean;
  whoami?: Whoami;
  state?: SystemState;
}

export type Check = (call: Call, findings: Findings) => Promise<Finding>;

type Whoami = Omit<TokenRecord, "sha256"> & { readonly version: string; readonly api: string };

/** Milliseconds by which clocks may differ: half a minute is what a JWT's times are read with. */
const skewAllowed = 5_000;

const ok = (detail: string): Finding => ({ result: "ok", detail });
const skipped = (detail: string): Finding => ({ result: "skipped", detail });

/** In this order, since what is wrong early makes much wrong that comes later. */
export const checks: Readonly<Record<string, Check>> = {
  async node() {
    const [major = 0] = process.versions.node.split(".").map(Number);
    if (major >= 20) return ok(`Node ${process.versions.node}`);
    return {
      result: "failed",
      detail: `Node ${process.versions.node}`,
      fix: "install Node 20 or later",
    };
  },

  async server({ server, world }, findings) {
    const began = world.clock.now();
    const fix = `does \`curl ${server.url}/healthz\` answer from here?`;
    try {
      const response = await server.response("/healthz");
      const took = Math.round(world.clock.now() - began);
      if (response.headers.get("content-type")?.includes("json") !== true) {
        findings.unreachable = true;
        return {
          result: "failed",
          detail: `${server.url} answers ${response.status}, but is no Nine Lives`,
          fix,
        };
      }
      const body = (await response.json()) as { readonly detail?: string; readonly upstreams?: number };
      if (response.ok)
        return ok(`${server.url} answers in ${took} ms, with ${counted(body.upstreams ?? 0, "upstream")}`);
      return {
        result: "failed",
        detail: `${server.url} runs, but not as it should: ${body.detail ?? response.status}`,
        fix: "part of its configuration is wrong: `wrangler tail` shows which, at the next request",
      };
    } catch (error) {
      findings.unreachable = true;
      return { ...refused(error), fix: (error as CliError).hint ?? fix };
    }
  },

  async transport({ server }) {
    const { protocol, hostname } = new URL(server.url);
    const near = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
    if (protocol === "https:") return ok("encrypted");
    if (near) return ok("not encrypted, but it stays on this machine");
    return {
      result: server.known ? "failed" : "warning",
      detail: "not encrypted: whoever is on the way reads along, the token too",
      fix: `use https://${hostname}`,
    };
  },

  async token({ server }, findings) {
    if (!server.known) {
      return {
        result: "warning",
        detail: "none is given: commands are denied, and reads unless they are public",
        fix: "set NINELIVES_TOKEN, or name a file that holds the token by --token-file",
      };
    }
    try {
      findings.whoami = await server.get<Whoami>("/v1/whoami");
    } catch (error) {
      return {
        ...refused(error),
        fix: "TOKENS of the Worker must hold the SHA-256 of the token, in lower-case hex",
      };
    }
    const { name, scopes, policies } = findings.whoami;
    const bound = policies === undefined ? "" : `, for ${policies.join(" ")}`;
    if (scopes.length > 0) return ok(`${name}, with ${scopes.join(" ")}${bound}`);
    return {
      result: "warning",
      detail: `${name}, without a scope`,
      fix: "give it scopes in TOKENS, such as read",
    };
  },

  async version(_, { whoami }) {
    if (whoami === undefined) return skipped("only a server that knows the token tells its own");
    if (whoami.api !== apiVersion) {
      return {
        result: "failed",
        detail: `the server speaks version ${whoami.api} of the API, and this speaks ${apiVersion}`,
        fix: `run it as \`npx ninelives@${whoami.version}\``,
      };
    }
    if (whoami.version === version) return ok(`${version}, here and there`);
    return {
      result: "warning",
      detail: `the server has ${whoami.version}, and this is ${version}: they speak the same API`,
      fix: `run it as \`npx ninelives@${whoami.version}\`, or deploy anew`,
    };
  },

  async observer({ server }, findings) {
    let state: SystemState;
    try {
      state = await server.get<SystemState>("/v1/state");
      findings.state = state;
    } catch (error) {
      if (error instanceof CliError && error.exit === exits.denied) return skipped(error.message);
      return { ...refused(error), fix: "the Durable Object of OBSERVER does not answer: look at its logs" };
    }
    const { events, dropped, policies, gaps = [], absent } = state;
    const detail = `${figures(events)} events of ${policies.length === 1 ? "1 policy" : `${policies.length} policies`}`;
    if (absent !== undefined) {
      return {
        result: "warning",
        detail: `${detail}; without what ${absent.shards.length} of ${absent.of} shards know, for want of an answer`,
        fix: "a Durable Object of OBSERVER does not answer: look at its logs",
      };
    }
    if (dropped > 0 || gaps.length > 0) {
      return {
        result: "warning",
        detail: `${detail}; ${figures(dropped)} were lost on the way, and ${gaps.length} restarts may have lost some`,
        fix: "events are lost where they come faster than they are sent: see docs/telemetry.md, Batches",
      };
    }
    return ok(detail);
  },

  async clock({ world }, { state }) {
    if (state === undefined) return skipped("only a server that lets one look tells its time");
    const ahead = state.at - world.clock.wall();
    if (Math.abs(ahead) <= skewAllowed) return ok(`within ${Math.abs(ahead)} ms of the server's`);
    return {
      result: "warning",
      detail: `the server's is ${span(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} this one`,
      fix: "set this machine's clock by NTP: times here are shown by it, and JWTs hold by the server's",
    };
  },

  async store({ server, world }) {
    if (!server.known) return skipped("this needs a token with the scope read");
    const began = world.clock.now();
    try {
      const circuits = await server.command<readonly { readonly state: string }[]>("state", {});
      const open = circuits.filter(({ state }) => state !== "closed").length;
      const took = Math.round(world.clock.now() - began);
      const detail = `${counted(circuits.length, "shared circuit")} answered in ${took} ms`;
      if (open === 0) return ok(detail);
      return {
        result: "warning",
        detail: `${detail}; ${open} of them not closed`,
        fix: "`ninelives circuits list --open` shows which, and why",
      };
    } catch (error) {
      if (error instanceof CliError && error.exit === exits.denied) return skipped(error.message);
      return { ...refused(error), fix: "the Durable Objects of CIRCUITS do not answer: look at their logs" };
    }
  },

  async documents(_, { state }) {
    if (state === undefined) return skipped("only a server that lets one look tells");
    const refused = state.policies.flatMap(({ policy, document }) =>
      document !== undefined && refusalWords(document) !== undefined ? [policy] : [],
    );
    if (refused.length === 0) return ok("none is refused by those who follow it");
    return {
      result: "warning",
      detail: `refused by some who follow them: ${refused.join(", ")}`,
      fix: "`ninelives policies followers` shows who refuses which version, and why",
    };
  },

  async alerts(_, { state }) {
    if (state === undefined) return skipped("only a server that lets one look tells");
    const firing = (state.alerts ?? []).filter(({ state }) => state === "firing");
    if (firing.length === 0) return ok(state.alerts === undefined ? "no rules for alerts" : "no alert");
    return {
      result: "warning",
      detail: `${firing.length} alerts: ${firing.map(({ name }) => name).join(", ")}`,
      fix: "docs/OPERATIONS.md says what to do in an emergency",
    };
  },

  async live({ server, world }) {
    let first: LiveMessage["type"] | undefined;
    try {
      await until(world, 10_000, async (context) => {
        const link = { onLost: () => {}, onBack: () => {} };
        for await (const { type } of liveMessages(server, context, link)) {
          first = type;
          return;
        }
      });
    } catch (error) {
      if (error instanceof CliError && error.exit === exits.denied) return skipped(error.message);
      return { ...refused(error), fix: "tail and top need /v1/live" };
    }
    if (first !== undefined) return ok("events stream");
    return {
      result: "failed",
      detail: `the stream opens, but nothing comes within 10 s`,
      fix: "a proxy on the way may hold back what streams: turn its buffering off for /v1/live",
    };
  },

  async ingest({ server, world }) {
    const key = world.env.NINELIVES_INGEST_KEY;
    if (!key) return skipped("set NINELIVES_INGEST_KEY to check the collector");
    const batch = {
      version: 1,
      source: { id: "doctor", kind: "node" },
      sentAt: world.clock.wall(),
      dropped: 0,
      events: [],
    };
    try {
      const response = await server.response("/v1/events", {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify(batch),
      });
      if (response.status === 202) return ok("the collector takes batches");
      const { detail } = (await response.json()) as { readonly detail?: string };
      const fix =
        response.status === 401
          ? 'INGEST_KEYS of the Worker must hold it: { "sha256:<of the key>": ["https://www.example.com"] }'
          : "docs/telemetry.md says what a batch must be";
      return { result: "failed", detail: detail ?? `the collector answers ${response.status}`, fix };
    } catch (error) {
      return refused(error);
    }
  },
};

function refused(error: unknown): Finding {
  if (!(error instanceof CliError)) throw error;
  return { result: "failed", detail: error.message };
}
