import { type Changeable, changeable, type Tunable } from "../core/adaptive.ts";
import type { CallOptions } from "../core/call.ts";
import { judgeValue } from "../core/classify.ts";
import { Context } from "../core/context.ts";
import { type Duration, refuse } from "../core/duration.ts";
import { isRejected, RejectedError } from "../core/errors.ts";
import { between, count, duration, settings, type Table } from "../core/options.ts";
import type { Service } from "../core/policy.ts";
import { timeout } from "../policies/timeout.ts";
import { Outlier, Outliers } from "../state/outliers.ts";
import { choose } from "./choose.ts";
import { type GroupSnapshot, readGroupSnapshot } from "./group-snapshot.ts";
import { Member, type MemberOptions, type MemberState } from "./member.ts";

export interface GroupOptions<Req, Res> {
  /** Those that stay when an adaptive list changes keep what is known of them, by their names. */
  readonly members: Changeable<readonly MemberOptions<Req, Res>[]>;
  /** Failures in a row after which a member is left out for a while. Default 5. */
  readonly consecutiveFailures?: Tunable<number>;
  /** How long the first time, and that much longer with each time in short order. Default `"30s"`. */
  readonly ejectFor?: Tunable<Duration>;
  /** How long at most. Default `"300s"`. */
  readonly maximumEjectFor?: Tunable<Duration>;
  /** The share of the members that may be left out at a time; one may in any case. Default 0.1. */
  readonly maximumEjectedRatio?: Tunable<number>;
  /** How often success rates are compared. Default `"10s"`. */
  readonly compareEvery?: Tunable<Duration>;
  /** Members that must have had enough calls, or none is compared. Default 5. */
  readonly comparedMembers?: Tunable<number>;
  /** Calls that a member must have had in that time to be compared. Default 100. */
  readonly comparedCalls?: Tunable<number>;
  /** How many standard deviations below the mean of all a member's success rate may be. Default 1.9. */
  readonly deviations?: Tunable<number>;
  /** How long a member that is new or comes back takes to get its whole share, from a tenth of it on. Default 0. */
  readonly slowStart?: Tunable<Duration>;
  /** How long a health check may take. Default `"1s"`. */
  readonly checkTimeout?: Tunable<Duration>;
  /** Checks in a row that must fail until a member is left out. Default 3. */
  readonly unhealthyAfter?: Tunable<number>;
  /** Checks in a row that must succeed until it is taken in again. Default 1. */
  readonly healthyAfter?: Tunable<number>;
}

/** Replicas of one service, as one service. */
export interface Group<in Req, out Res> extends Service<Req, Res> {
  /** What is known of the members now, by the clock of the calls: `performance.now()` unless an environment has another. */
  state(now: number): MemberState[];
  /**
   * Sends a request to each member as an active health check, and waits for the answers. Whoever wants checks calls it,
   * as often as it wants.
   */
  check(request: Req, options?: CallOptions | Context): Promise<void>;
  /** Who is left out, for how much longer, and what the checks said: plain JSON to restore from, without times. */
  snapshot(now: number): GroupSnapshot;
  /**
   * Goes on from there with the members of these names; the others stay as they are.
   *
   * @throws RangeError or TypeError for what is no snapshot; all then stays as it was
   */
  restore(snapshot: GroupSnapshot, now: number): void;
}

// Envoy's defaults for outlier detection, Kubernetes' for probes.
const table = {
  members: { check: checkMembers, required: true, contextless: true, named: true },
  consecutiveFailures: { check: count(), initial: 5 },
  ejectFor: { check: duration, initial: "30s" },
  maximumEjectFor: { check: duration, initial: "300s" },
  maximumEjectedRatio: { check: between(0, 1), initial: 0.1 },
  compareEvery: { check: duration, initial: "10s" },
  comparedMembers: { check: count(), initial: 5 },
  comparedCalls: { check: count(), initial: 100 },
  deviations: { check: between(0, 100), initial: 1.9 },
  slowStart: { check: duration, initial: 0 },
  checkTimeout: { check: duration, initial: "1s" },
  unhealthyAfter: { check: count(), initial: 3 },
  healthyAfter: { check: count(), initial: 1 },
} as const;

/** The options of `group`, for tools. */
export const groupOptions: Table = table;

/** Refusals of a member's own policy that it says before anything is sent. */
const unsent: readonly string[] = ["circuit-open", "bulkhead-full", "rate-limited", "throttled"];

/**
 * Makes one service of several replicas, and sends each call where it will probably do best.
 *
 * Of the members with the lowest priority number that has a healthy one, two are drawn by weight, and the one that is less
 * busy is called. Members that fail again and again are left out for a while (Envoy's outlier ejection); when none is
 * left, all are tried. A retry or a hedge around the group goes to a member that the call has not been sent to, while there
 * is one, also of another priority. A call that a member's own policy refuses goes to the next one at once.
 *
 * What an outcome means is said by the `classify` of the environment around it. The latency that counts is that until the
 * service answers: of a Response, until its headers are there.
 *
 * @throws RejectedError `no-member` when every member has the weight 0
 * @example
 * const replicas = group({
 *   members: [
 *     { name: "eu", service: fetchFrom("https://eu.example.com") },
 *     { name: "us", service: fetchFrom("https://us.example.com"), priority: 1 },
 *   ],
 * });
 * const call = compose(environment({ classify: classifyHttp }), retry(3), timeout("2s")).wrap(replicas);
 */
export function group<Req, Res>(options: GroupOptions<Req, Res>): Group<Req, Res> {
  const { read } = settings("group", options, table);
  const outliers = new Outliers();
  const now = changeable(options.members, checkMembers, "group: members") as () => typeof list;
  let list: readonly MemberOptions<Req, Res>[] = now();
  let current: readonly Member<Req, Res>[] = list.map((member) => new Member(member, outliers.join()));

  /** The members as they are now; who comes to those that were there is new, and starts slowly. */
  function members(at: number): readonly Member<Req, Res>[] {
    const given = now();
    if (given === list) return current;
    list = given;
    const before = new Map(current.map((member) => [member.name, member]));
    current = given.map((options) => {
      const known = before.get(options.name);
      before.delete(options.name);
      if (known === undefined) return Object.assign(new Member(options, outliers.join()), { wellSince: at });
      known.become(options);
      return known;
    });
    for (const { outlier } of before.values()) outliers.leave(outlier);
    return current;
  }

  const ejection = (context: Context) => ({
    ejectFor: read.ejectFor(context),
    longest: read.maximumEjectFor(context),
    share: read.maximumEjectedRatio(context),
  });

  function ended(member: Member<Req, Res>, failed: boolean | undefined, context: Context): void {
    const now = context.environment.clock.now();
    if (failed === undefined) return;
    if (!failed) outliers.succeed(member.outlier, now);
    else {
      const outFor = outliers.fail(member.outlier, now, {
        failures: read.consecutiveFailures(context),
        ...ejection(context),
      });
      if (outFor > 0)
        context.emit({ type: "member.ejected", member: member.name, outFor, reason: "failures" });
    }
    if (!outliers.isDue(now, read.compareEvery(context))) return;
    const ejected = outliers.compare(now, {
      hosts: read.comparedMembers(context),
      calls: read.comparedCalls(context),
      deviations: read.deviations(context),
      ...ejection(context),
    });
    for (const { name, outlier } of current) {
      const outFor = ejected.get(outlier);
      if (outFor !== undefined)
        context.emit({ type: "member.ejected", member: name, outFor, reason: "success-rate" });
    }
  }

  async function group(request: Req, context: Context): Promise<Res> {
    let left = members(context.environment.clock.now());
    let refusal: unknown;
    for (;;) {
      const member = choose(left, context, read.slowStart(context));
      if (member === undefined) throw refusal ?? noMember(context);
      try {
        return await member.send(request, context, (failed) => ended(member, failed, context));
      } catch (error) {
        if (!isRejected(error) || !unsent.includes(error.kind) || context.aborted) throw error;
        refusal = error;
        left = left.filter((other) => other !== member);
      }
    }
  }

  async function check(request: Req, given?: CallOptions | Context): Promise<void> {
    const context = Context.begin(given);
    const { environment } = context;
    const inTime = timeout((inner: Context) => read.checkTimeout(inner));
    await Promise.all(
      members(environment.clock.now()).map(async (member) => {
        let ok = false;
        try {
          const value = await inTime.wrap(member.bare)(request, context);
          ok = judgeValue(environment, value).kind !== "failure";
          environment.discard(value);
        } catch {
          // Whatever it was: there was no answer. But who no longer wants to know has learnt nothing.
          if (context.aborted) return;
        }
        const turned = member.health.record(ok, read.unhealthyAfter(context), read.healthyAfter(context));
        if (!turned) return;
        if (ok) member.wellSince = environment.clock.now();
        context.emit({ type: ok ? "member.healthy" : "member.unhealthy", member: member.name });
      }),
    );
  }

  return Object.assign(group, {
    check,
    state: (at: number) => members(at).map((member) => member.state(at)),
    snapshot: (at: number): GroupSnapshot => ({
      members: Object.fromEntries(members(at).map((member) => [member.name, member.snapshot(at)])),
    }),
    restore(snapshot: GroupSnapshot, at: number): void {
      const kept = readGroupSnapshot(snapshot);
      for (const member of members(at)) {
        const known = kept.get(member.name);
        if (known !== undefined) member.restore(known, at);
      }
    },
  });
}

function noMember(context: Context): RejectedError {
  return new RejectedError("no-member", "group", "no member of the group has a weight", { context });
}

function checkMembers(value: readonly unknown[], option: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) refuse(option, "a list of at least one", value, TypeError);
  const names = value.map((each) => new Member(each, new Outlier()).name);
  if (new Set(names).size < names.length) throw new TypeError("group: two members have the same name");
  return value;
}
