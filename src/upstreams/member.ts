import { type Tunable, tunable } from "../core/adaptive.ts";
import { known, whole } from "../core/check.ts";
import { judgeValue } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import type { AbortListener } from "../core/leg.ts";
import { between, callable, text } from "../core/options.ts";
import { type AnyPolicy, identity, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import { judgeError } from "../policies/verdict.ts";
import { CheckedHealth } from "../state/checked-health.ts";
import type { Outlier } from "../state/outliers.ts";
import { PeakLatency } from "../state/peak-latency.ts";
import type { MemberSnapshot } from "./group-snapshot.ts";

export interface MemberOptions<Req, Res> {
  /** What it is called; no two members of a group have the same name. */
  readonly name: string;
  readonly service: Service<Req, Res>;
  /** Goes around this member alone: its own circuit, its own slots. Default nothing. */
  readonly policy?: AnyPolicy;
  /** Its share of the calls beside those of the others, from 0 (none) to 1000. Default 1. */
  readonly weight?: Tunable<number>;
  /** Members of a higher number are called only when none of a lower one can be. Default 0. */
  readonly priority?: number;
}

/** What a group knows of a member. */
export interface MemberState {
  readonly name: string;
  readonly priority: number;
  /** Whether calls go there: `ejected` was left out for its failures, `unhealthy` for its checks. */
  readonly state: "in" | "ejected" | "unhealthy";
  /** Calls under way. */
  readonly inFlight: number;
  /** How slow it is, in milliseconds; undefined as long as it has not answered. */
  readonly latency: number | undefined;
}

/** Hears how the calls of a member end; `failed` is undefined for what says nothing of it. */
export type Ended = (failed: boolean | undefined, context: Context) => void;

/** One replica, and what is known of it. */
export class Member<Req, Res> {
  readonly name: string;
  priority!: number;
  weight!: (context: Context) => number;
  bare!: Service<Req, Res>;
  /** With its own policy around it. */
  service!: Service<Req, Res>;
  readonly outlier: Outlier;
  readonly health: CheckedHealth = new CheckedHealth();
  readonly latency: PeakLatency = new PeakLatency();
  inFlight = 0;
  /** When its checks said that it is well again, or when it came to those that were there before. */
  wellSince: number = -Infinity;

  constructor(options: MemberOptions<Req, Res>, outlier: Outlier) {
    known(options, "group: member", ["name", "service", "policy", "weight", "priority"]);
    this.name = text(options.name, "group: name of a member");
    this.outlier = outlier;
    this.become(options);
  }

  /** Takes other options; what is known of the member stays known. */
  become(options: MemberOptions<Req, Res>): void {
    const { name, service, policy = identity, weight = 1, priority = 0 } = options;
    this.bare = callable<Service<Req, Res>>(service, `group: service of ${name}`);
    this.service = policy.layer(service);
    this.weight = tunable(weight, between(0, 1000), `group: weight of ${name}`);
    this.priority = whole(priority, `group: priority of ${name}`, 0);
  }

  /** Whether calls should go there. */
  available(now: number): boolean {
    return this.health.healthy && !this.outlier.isOut(now);
  }

  state(now: number): MemberState {
    const { name, priority, inFlight, latency, health, outlier } = this;
    const state = !health.healthy ? "unhealthy" : outlier.isOut(now) ? "ejected" : "in";
    return { name, priority, state, inFlight, latency: latency.known ? latency.now(now) : undefined };
  }

  snapshot(now: number): MemberSnapshot {
    const { outlier, health } = this;
    const { ejections, until } = outlier;
    return { out: Math.max(0, until - now), ejections, healthy: health.healthy };
  }

  restore({ out, ejections, healthy }: MemberSnapshot, now: number): void {
    this.outlier.ejections = ejections;
    this.outlier.until = now + out;
    this.health.healthy = healthy;
  }

  send(request: Req, context: Context, ended: Ended): Promise<Res> {
    const { clock } = context.environment;
    const began = clock.now();
    const load = new Load(this, context);
    return start(this.service, request, context).then(
      (value) => {
        load.end();
        const { kind } = judgeValue(context.environment, value);
        // A member that fails fast is no fast one.
        if (kind === "success") this.latency.record(clock.now() - began, clock.now());
        ended(kind === "ignored" ? undefined : kind === "failure", context);
        return value;
      },
      (error: unknown) => {
        load.end();
        const kind = judgeError(error, context)?.kind ?? "ignored";
        ended(kind === "ignored" ? undefined : kind === "failure", context);
        throw error;
      },
    );
  }
}

/** One call under way. On Workers what is cut off may never settle, so that its abort ends it too. */
class Load implements AbortListener {
  readonly #member: { inFlight: number };
  readonly #context: Context;
  #under = true;

  constructor(member: { inFlight: number }, context: Context) {
    this.#member = member;
    this.#context = context;
    member.inFlight++;
    context.parent?.add(this);
  }

  end(): void {
    if (!this.#under) return;
    this.#under = false;
    this.#member.inFlight--;
    this.#context.parent?.remove(this);
  }

  onAbort(): void {
    this.end();
  }
}
