import { type Adaptive, adaptive, type Tunable } from "../core/adaptive.ts";
import type { CallOptions } from "../core/call.ts";
import { known } from "../core/check.ts";
import { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { kindOf } from "../core/events.ts";
import { callable, duration, settings, type Table } from "../core/options.ts";
import { compose, type Service } from "../core/policy.ts";
import { retry } from "../policies/retry.ts";
import { timeout } from "../policies/timeout.ts";
import { type Discovery, DiscoveryError, type Endpoint, type Endpoints } from "./discovery.ts";
import { type Group, type GroupOptions, group, groupOptions } from "./group.ts";
import { type GroupSnapshot, readGroupSnapshot } from "./group-snapshot.ts";
import type { MemberOptions } from "./member.ts";

export interface DiscoveredGroupOptions<Req, Res> extends Omit<GroupOptions<Req, Res>, "members"> {
  readonly discovery: Discovery;
  /** Makes the service of an endpoint; called once for each URL. */
  readonly service: (endpoint: Endpoint) => Service<Req, Res>;
  /** How long one look-up may take; it is tried twice. Default `"2s"`. */
  readonly lookUpTimeout?: Tunable<Duration>;
  /** How long a look-up that failed is waited after. Default `"5s"`. */
  readonly lookUpAgainAfter?: Tunable<Duration>;
}

const table = {
  discovery: { check: callable<Discovery>, required: true, fixed: true },
  service: { check: callable<(endpoint: Endpoint) => unknown>, required: true, fixed: true },
  lookUpTimeout: { check: duration, initial: "2s" },
  lookUpAgainAfter: { check: duration, initial: "5s" },
} as const;

/** The options of `discoveredGroup` beside those of `group`, for tools. */
export const discoveredGroupOptions: Table = table;

/** Milliseconds that an answer holds at least, whoever says less. */
const least = 1_000;

/**
 * A group whose members are found while it runs, and followed as they come and go.
 *
 * The first call looks; after that calls go to those who are known, and one of them looks again in the background when the
 * answer does not hold any more. A look-up that fails, or finds nobody, changes nothing: who was there stays, until
 * another answer says otherwise. What is known of a member's health stays with its name. As long as nobody was ever found,
 * one call looks each `lookUpAgainAfter`, and the others fail at once.
 *
 * @throws what a look-up fails with, to the call that needs it; DiscoveryError to those that come before the next look-up
 * @example
 * const replicas = discoveredGroup({
 *   discovery: dnsDiscovery({ name: "_https._tcp.prices.example.com" }),
 *   service: ({ url }) => (path: string, { signal }) => fetch(url + path, { signal }),
 * });
 */
export function discoveredGroup<Req, Res>(options: DiscoveredGroupOptions<Req, Res>): Group<Req, Res> {
  const { discovery, service, lookUpTimeout, lookUpAgainAfter, ...rest } = options;
  known(options, "discoveredGroup", [
    ...Object.keys(table),
    ...Object.keys(groupOptions).filter((name) => name !== "members"),
  ]);
  const { read } = settings(
    "discoveredGroup",
    { discovery, service, lookUpTimeout, lookUpAgainAfter },
    table,
  );
  // What is wrong with the others is said now, and not when there are members.
  group({ ...rest, members: [{ name: "none", service: nobody }] });
  const find = compose(
    retry(2),
    timeout((context: Context) => read.lookUpTimeout(context)),
  ).wrap(discovery);
  const services = new Map<string, Service<Req, Res>>();
  let members: Adaptive<readonly MemberOptions<Req, Res>[]> | undefined;
  let inner: Group<Req, Res> | undefined;
  /** What was restored before anybody was found, and when. */
  let restored: { readonly snapshot: GroupSnapshot; readonly at: number } | undefined;
  /** When somebody should look, and until when somebody does, by the clock of the calls. */
  let due = -Infinity;
  let looking = -Infinity;
  /** What the last look-up failed with. */
  let failure: { readonly cause: unknown } | undefined;

  function take(endpoints: readonly Endpoint[], context: Context): Group<Req, Res> {
    const before = members?.value ?? [];
    const next = endpoints.map(({ name, url, weight, priority }, index): MemberOptions<Req, Res> => {
      const made = services.get(url) ?? service(endpoints[index] as Endpoint);
      services.set(url, made);
      return { name, weight, priority, service: made };
    });
    for (const url of services.keys()) if (!endpoints.some((each) => each.url === url)) services.delete(url);
    if (members === undefined || inner === undefined) {
      members = adaptive<readonly MemberOptions<Req, Res>[]>(next);
      inner = group({ ...rest, members });
      if (restored !== undefined) inner.restore(restored.snapshot, restored.at);
    } else if (isSame(before, next)) return inner;
    else members.set(next);
    const added = next.filter(({ name }) => !before.some((each) => each.name === name)).length;
    const removed = before.filter(({ name }) => !next.some((each) => each.name === name)).length;
    context.emit({ type: "discovery.changed", members: next.length, added, removed });
    return inner;
  }

  /** More milliseconds than a look-up takes: two tries, and the pause of 100 between them. */
  const mostOf = (context: Context) => 3 * read.lookUpTimeout(context) + 1_000;

  /** @throws what the look-up failed with */
  async function look(context: Context): Promise<Group<Req, Res>> {
    const { clock } = context.environment;
    looking = clock.now() + mostOf(context);
    try {
      const { endpoints, holds }: Endpoints = await find(undefined, context);
      if (endpoints.length === 0) throw new DiscoveryError("nobody was found");
      const found = take(endpoints, context);
      due = clock.now() + Math.max(holds, least);
      return found;
    } catch (error) {
      const retryIn = read.lookUpAgainAfter(context);
      failure = { cause: error };
      due = clock.now() + retryIn;
      const kept = members?.value.length ?? 0;
      context.emit({ type: "discovery.failed", kind: kindOf(error), members: kept, retryIn });
      throw error;
    } finally {
      looking = -Infinity;
    }
  }

  /**
   * Looks apart from the call, whose end does not end it: that a look-up is slow, callers of less patience must find out, too.
   */
  function lookApart(context: Context): Promise<Group<Req, Res>> {
    const looked = look(context.detach());
    context.environment.waitUntil(looked.catch(() => {}));
    return looked;
  }

  /** Ends the wait with the call. The look-up ends before that by its own time-out. */
  const wait = compose(timeout((context: Context) => mostOf(context))).wrap((_: undefined, context) =>
    lookApart(context),
  );

  /** The group as it is known, or as it is found now. @throws DiscoveryError before it is time to look again */
  function following(context: Context): Group<Req, Res> | Promise<Group<Req, Res>> {
    const now = context.environment.clock.now();
    const isDue = now >= due && now >= looking;
    if (inner !== undefined) {
      if (isDue) lookApart(context).catch(() => {});
      return inner;
    }
    if (failure !== undefined && !isDue) {
      throw new DiscoveryError("nobody has been found yet, and the last look-up failed", failure);
    }
    // The first of all wait for a look-up each: on Workers none can wait for another's.
    return wait(undefined, context);
  }

  async function discoveredGroup(request: Req, context: Context): Promise<Res> {
    return (await following(context))(request, context);
  }

  return Object.assign(discoveredGroup, {
    check: async (request: Req, given?: CallOptions | Context) => {
      const context = Context.begin(given);
      await (await following(context)).check(request, context);
    },
    state: (now: number) => inner?.state(now) ?? [],
    snapshot: (now: number) => inner?.snapshot(now) ?? { members: {} },
    restore(snapshot: GroupSnapshot, at: number): void {
      readGroupSnapshot(snapshot);
      restored = { snapshot, at };
      inner?.restore(snapshot, at);
    },
  });
}

const nobody = () => new Promise<never>(() => {});

function isSame<Q, S>(one: readonly MemberOptions<Q, S>[], other: readonly MemberOptions<Q, S>[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ name, service, weight, priority }, index) => {
      const like = other[index];
      return (
        like?.name === name &&
        like.service === service &&
        like.weight === weight &&
        like.priority === priority
      );
    })
  );
}
