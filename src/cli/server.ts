import type { CommandResult, Problem } from "../control/wire.ts";
import type { Context } from "../core/context.ts";
import { quote } from "../core/duration.ts";
import { isRejected } from "../core/errors.ts";
import { compose, type Policy } from "../core/policy.ts";
import { idleTimeout } from "../fetch/idle-timeout.ts";
import {
  type FetchCall,
  type ResilientFetch,
  type ResilientInit,
  resilientFetch,
} from "../fetch/resilient-fetch.ts";
import { exponential } from "../policies/backoff.ts";
import { rateLimit } from "../policies/rate-limit.ts";
import { retry } from "../policies/retry.ts";
import { timeout } from "../policies/timeout.ts";
import { CliError, type Exit, exits } from "./cli-error.ts";
import { printable } from "./screen.ts";
import type { World } from "./world.ts";

export interface ServerOptions {
  readonly url: string;
  readonly token: string | undefined;
  /** Milliseconds that one answer may take. */
  readonly patience: number;
}

/** Streams say something every 15 seconds at least. */
const longestSilence = "45s";
const always = Number.MAX_SAFE_INTEGER;

/** A Nine Lives by its REST API, whose answers come by its own policies. */
export class Server {
  readonly url: string;
  readonly patience: number;
  readonly #token: string | undefined;
  readonly #world: World;
  readonly #asking: ResilientFetch;
  readonly #opening: ResilientFetch;
  readonly #reopening: ResilientFetch;

  constructor({ url, token, patience }: ServerOptions, world: World) {
    this.url = urlOf(url);
    this.patience = patience;
    this.#token = token;
    this.#world = world;
    const inTime = timeout(patience);
    const thrice = compose(retry(3), inTime);
    const { clock } = world;
    const through = (policy: Policy<FetchCall, Response>) =>
      resilientFetch({ policy, fetch: world.fetch, environment: { name: "cli", clock } });
    this.#asking = through(thrice);
    this.#opening = through(compose(idleTimeout(longestSilence), thrice));
    this.#reopening = through(
      compose(
        idleTimeout(longestSilence),
        // A server that opens streams only to close them again is not asked without a pause.
        rateLimit({ limit: 1, per: "1s", burst: 2, maximumWait: "10s" }),
        retry({ attempts: always, backoff: exponential("250ms"), maximumDelay: "10s" }),
        inTime,
      ),
    );
  }

  /** Whether there is a token to show. */
  get known(): boolean {
    return this.#token !== undefined;
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#json(await this.response(path))) as T;
  }

  /** Asks whether the server is there at all, or what it says whatever its status. */
  response(path: string, init: RequestInit = {}): Promise<Response> {
    return this.#send(this.#asking, path, init);
  }

  /** Does a command; one whose answer is lost is sent again under the same id, and done once. */
  async command<T>(
    name: string,
    args: Readonly<Record<string, unknown>>,
    id: string = crypto.randomUUID(),
  ): Promise<T> {
    const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
    const response = await this.response(`/v1/commands/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": id },
      body: JSON.stringify(given),
    });
    return ((await this.#json(response)) as CommandResult).value as T;
  }

  /**
   * Opens the stream of what the observer sees.
   *
   * @param context what ends it
   * @param after the place to go on from, of a stream that broke off: then it is tried for as long as it takes
   */
  async live(context: Context, after?: { readonly place: string | undefined }): Promise<Response> {
    const place = after?.place;
    const headers = { accept: "text/event-stream", ...(place !== undefined && { "last-event-id": place }) };
    const send = after === undefined ? this.#opening : this.#reopening;
    const response = await this.#send(send, "/v1/live", { headers, resilience: { context } });
    if (!response.ok) throw await this.#refusal(response);
    return response;
  }

  async #send(send: ResilientFetch, path: string, init: ResilientInit): Promise<Response> {
    const { signal } = this.#world;
    const headers = new Headers(init.headers);
    if (this.#token !== undefined && !headers.has("authorization"))
      headers.set("authorization", `Bearer ${this.#token}`);
    try {
      // Not followed, so that the token goes nowhere but where it was meant to.
      return await send(this.url + path, { ...init, headers, signal, redirect: "manual" });
    } catch (error) {
      if (signal.aborted || init.resilience?.context?.aborted) throw error;
      throw new CliError(
        exits.unreachable,
        `${this.url} cannot be reached: ${this.#reason(error)}`,
        hintAt(error),
      );
    }
  }

  #reason(error: unknown): string {
    if (isRejected(error, "timeout")) return `no answer within ${this.patience} ms`;
    const cause = (error as { readonly cause?: { readonly code?: unknown; readonly message?: unknown } })
      .cause;
    return String(cause?.code ?? cause?.message ?? (error as Error).message);
  }

  async #json(response: Response): Promise<unknown> {
    if (!response.ok) throw await this.#refusal(response);
    try {
      return await response.json();
    } catch {
      throw strange(this.url, response.status, "what it answered is no JSON");
    }
  }

  /** What is wrong, in the server's words where it has any. */
  async #refusal(response: Response): Promise<CliError> {
    const { status, headers } = response;
    if (status >= 300 && status < 400) {
      const to = headers.get("location") ?? "elsewhere";
      return strange(this.url, status, `it sends its callers to ${printable(to)}: is that the right --url?`);
    }
    if (!headers.get("content-type")?.startsWith("application/problem+json")) {
      return strange(this.url, status, "that is no answer of a Nine Lives: is the --url right?");
    }
    const { detail, title } = (await response.json()) as Problem;
    return new CliError(exitFor(status), String(detail ?? title), this.#hint(status));
  }

  #hint(status: number): string | undefined {
    if (status === 401)
      return this.known
        ? "the server does not know the token of NINELIVES_TOKEN or --token-file"
        : "set NINELIVES_TOKEN, or name a file that holds the token by --token-file";
    return status === 403 ? "`ninelives doctor` shows which scopes the token has" : undefined;
  }
}

function exitFor(status: number): Exit {
  if (status === 401 || status === 403) return exits.denied;
  if (status === 409) return exits.conflict;
  return status >= 500 ? exits.unreachable : exits.failed;
}

function strange(url: string, status: number, what: string): CliError {
  return new CliError(exits.unreachable, `${url} answered ${status}`, what);
}

function hintAt(error: unknown): string | undefined {
  const code = (error as { readonly cause?: { readonly code?: unknown } }).cause?.code;
  if (code === "ECONNREFUSED") return "nothing listens there: does the Worker run, and on this port?";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "there is no such host: is the --url right?";
  if (typeof code === "string" && /CERT|TLS|SSL|SELF_SIGNED|ISSUER/.test(code))
    return "its certificate is not trusted: NODE_EXTRA_CA_CERTS names those of one's own authority";
  return undefined;
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search + url.hash !== "") {
    throw new CliError(
      exits.usage,
      `--url must be an http(s) URL such as https://edge.example.com, but is ${quote(text)}`,
    );
  }
  if (url.username + url.password !== "") {
    throw new CliError(
      exits.usage,
      "--url must hold no user and no password: a token is shown by NINELIVES_TOKEN",
    );
  }
  return url.origin + url.pathname.replace(/\/$/, "");
}
