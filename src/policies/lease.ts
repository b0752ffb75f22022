import { known, span } from "../core/check.ts";
import type { TimerHandle } from "../core/clock.ts";
import { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { type EnvironmentOptions, environment } from "../core/environment.ts";
import { RejectedError } from "../core/errors.ts";
import { kindOf } from "../core/events.ts";
import { platform } from "../core/platform.ts";
import { compose } from "../core/policy.ts";
import { LeaseHolder } from "../state/lease-holder.ts";
import type { LeaseReport, Store, View } from "../state/sync.ts";
import { lossOf } from "./loss.ts";
import { timeout } from "./timeout.ts";

export interface LeaseOptions {
  /** For how long it is held without being renewed. A third of it lies between renewals. Default 15 s. */
  readonly ttl?: Duration;
  /**
   * Whether this replica is fit to hold it, asked before each report: one that is not gives it up and does not ask for it
   * until it is again. It has a third of `ttl` to answer. Default: it is fit.
   */
  readonly healthy?: () => boolean | Promise<boolean>;
  /** Clock, random numbers, sink. Default the platform's. */
  readonly environment?: EnvironmentOptions;
}

/** One replica's part in electing who of all may do what only one may do. */
export interface Lease {
  readonly name: string;
  /** `idle` as long as it does not ask for it, then `waiting` or `held`: by its own clock, and a little before the home's. */
  readonly state: "idle" | "waiting" | "held";
  /**
   * The fencing token while it is held: each holder's is higher than all before. Hand it along with what you write, and
   * let the other side refuse what comes with a lower one than it has seen.
   */
  readonly token: number | undefined;
  /** Asks for the lease, and again and again, on a timer, until `release`. */
  start(): void;
  /** Starts, and gives the token when it is held: at once if it is. */
  whenHeld(options?: { readonly signal?: AbortSignal }): Promise<number>;
  /** Asks or renews once, without a timer: for Workers, where none outlives its request. Never rejects. */
  renew(): Promise<void>;
  /** Gives it up and asks no more. Settles when the home knows, or could not be told: then it ends by itself. */
  release(): Promise<void>;
}

/**
 * Elects one of all that use a name: who holds the lease may do what only one may do, until it gives it up, fails its own
 * health check, or is gone and the lease ends.
 *
 * No timer is armed before `start` or `whenHeld`, and none keeps a process alive. A holder that is stopped for long, or
 * whose clock stands still, may still think that it holds the lease when another does: that is what the token is for.
 *
 * @example
 * const leader = lease(memoryStore(), "nightly-report", { ttl: "15s" });
 * const token = await leader.whenHeld();
 */
export function lease(store: Store, name: string, options: LeaseOptions = {}): Lease {
  known(options, "lease", ["ttl", "healthy", "environment"]);
  return new Candidate(store, name, options);
}

/** Milliseconds after which a report that got no answer is taken for lost. */
const longestReport = 5_000;

interface Waiter {
  resolve(token: number): void;
  reject(reason: unknown): void;
}

class Candidate implements Lease {
  readonly name: string;
  /** The name that the home knows it by. */
  readonly #shared: string;
  readonly #sync: (report: LeaseReport) => Promise<View>;
  readonly #ttl: number;
  readonly #holder: LeaseHolder;
  readonly #context: Context;
  readonly #healthy: () => Promise<boolean>;
  readonly #waiters = new Set<Waiter>();
  #asks = false;
  #timed = false;
  #timer: TimerHandle;
  /** The token of which the sink and those that wait have heard. */
  #told: number | undefined;

  constructor(store: Store, name: string, { ttl = "15s", healthy = () => true, ...more }: LeaseOptions) {
    this.name = name;
    this.#shared = `${name}:lease`;
    this.#ttl = span(ttl, "lease: ttl");
    this.#holder = new LeaseHolder(this.#ttl);
    const given = more.environment ?? {};
    this.#context = Context.begin().within({ ...platform, ...given });
    this.#sync = compose(environment(given), timeout(longestReport)).wrap((report: LeaseReport) =>
      store.sync(this.#shared, report, (news) => this.#hear(news)),
    );
    const check = compose(environment(given), timeout(this.#ttl / 3)).wrap(async () => healthy());
    this.#healthy = () => check(undefined).catch(() => false);
  }

  get state(): "idle" | "waiting" | "held" {
    if (this.token !== undefined) return "held";
    return this.#asks ? "waiting" : "idle";
  }

  get token(): number | undefined {
    return this.#holder.token(this.#now());
  }

  start(): void {
    if (this.#timed) return;
    this.#timed = true;
    this.#tick();
  }

  whenHeld({ signal }: { readonly signal?: AbortSignal } = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const { token } = this;
      if (token !== undefined) return resolve(token);
      const waiter: Waiter = { resolve, reject };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      });
      this.start();
    });
  }

  async renew(): Promise<void> {
    this.#asks = true;
    await this.#round();
  }

  async release(): Promise<void> {
    this.#asks = this.#timed = false;
    this.#environment.clock.clearTimer(this.#timer);
    this.#holder.giveUp(this.#now());
    this.#tell("released");
    const error = new RejectedError("lease-released", this.name, `lease ${this.name} was given up`);
    for (const { reject } of this.#waiters) reject(error);
    this.#waiters.clear();
    if (this.#holder.owes && this.#holder.due(this.#now())) await this.#report(false);
  }

  get #environment() {
    return this.#context.environment;
  }

  #now(): number {
    return this.#environment.clock.now();
  }

  async #tick(): Promise<void> {
    this.#asks = true;
    await this.#round();
    const { clock } = this.#environment;
    clock.clearTimer(this.#timer);
    if (!this.#timed) return;
    const now = clock.now();
    const left = this.#holder.remaining(now);
    // Whichever comes first: the next report, or the end of a lease that could not be renewed.
    const wait = Math.min(this.#holder.dueIn(now), left > 0 ? left : Infinity, this.#ttl / 3);
    this.#timer = clock.setTimer(() => this.#tick(), Math.max(wait, 10));
    clock.keepAlive(this.#timer, false);
  }

  /** Asks whether it is fit, and reports if a report is due. */
  async #round(): Promise<void> {
    const fit = await this.#healthy();
    if (!this.#asks) return;
    const now = this.#now();
    this.#tell("expired");
    if (!fit) {
      this.#holder.giveUp(now);
      this.#tell("unhealthy");
    }
    const { owes } = this.#holder;
    // First the home must hear that the lease was given up, though this replica may be fit again.
    if (this.#holder.due(now) && (fit || owes)) await this.#report(fit && !owes);
  }

  async #report(wants: boolean): Promise<void> {
    const { clock, random } = this.#environment;
    const sentAt = clock.now();
    const report = this.#holder.report(sentAt, wants, () => random().toString(36).slice(2, 12));
    try {
      const view = await this.#sync(report);
      if (view.kind !== "lease") throw new TypeError("the home holds something else under this name");
      this.#holder.answered(report, view, sentAt, clock.now());
      this.#tell("taken");
    } catch (error) {
      // No other report is under way, so that this one has not been answered meanwhile.
      const retryIn = this.#holder.lost(report, clock.now(), lossOf(error), random()) as number;
      this.#context.emit({ type: "store.failed", circuit: this.#shared, kind: kindOf(error), retryIn });
    }
  }

  #hear(news: View): void {
    if (news.kind !== "lease") return;
    this.#holder.hear(news, this.#now());
    this.#tell("taken");
    if (this.#timed) this.#tick();
  }

  /** Tells what changed since it was told last. */
  #tell(reason: "released" | "expired" | "unhealthy" | "taken"): void {
    const { token } = this;
    if (token === this.#told) return;
    if (this.#told !== undefined) {
      this.#context.emit({ type: "lease.lost", lease: this.name, token: this.#told, reason });
    }
    this.#told = token;
    if (token === undefined) return;
    this.#context.emit({ type: "lease.acquired", lease: this.name, token });
    for (const { resolve } of this.#waiters) resolve(token);
    this.#waiters.clear();
  }
}
