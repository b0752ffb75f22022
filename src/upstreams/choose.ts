import type { Context } from "../core/context.ts";
import type { Member } from "./member.ts";

/** The part of its share that a member begins with when it comes back: Envoy's `min_weight_percent`. */
const leastShare = 0.1;

/**
 * Chooses the member for the next attempt: of the lowest priority number that has one, and not one that this call has been
 * sent to already while there is another.
 *
 * Two are drawn by their weights, and of these the one with less to do (latency × calls under way) is taken. They are drawn
 * with replacement, so that with equal loads each gets the share that its weight says.
 *
 * @param slowStart milliseconds over which a member that came back gets its whole share
 *
 * Source: Mitzenmacher, "The power of two choices in randomized load balancing" (2001).
 */
export function choose<Q, S>(
  members: readonly Member<Q, S>[],
  context: Context,
  slowStart: number,
): Member<Q, S> | undefined {
  const now = context.environment.clock.now();
  const weighed = members
    .map((member) => ({ member, weight: weightOf(member, context, slowStart, now) }))
    .filter(({ weight }) => weight > 0);
  const fit = weighed.filter(({ member }) => member.available(now));
  // Where all seem to be down, it may be what says so that is.
  const pool = fit.length > 0 ? fit : weighed;
  if (pool.length < 2) return pool[0]?.member;
  const priorities = [...new Set(pool.map(({ member }) => member.priority))].sort((a, b) => a - b);
  for (const priority of priorities) {
    let level = pool.filter(({ member }) => member.priority === priority);
    while (level.length > 0) {
      const chosen = twoChoices(level, context, now);
      if (context.isNewTo(chosen)) return chosen;
      level = level.filter(({ member }) => member !== chosen);
    }
  }
  return twoChoices(
    pool.filter(({ member }) => member.priority === priorities[0]),
    context,
    now,
  );
}

interface Weighed<Q, S> {
  readonly member: Member<Q, S>;
  readonly weight: number;
}

function weightOf<Q, S>(member: Member<Q, S>, context: Context, slowStart: number, now: number): number {
  const weight = member.weight(context);
  const since = now - Math.max(member.wellSince, member.outlier.until);
  // Below 0 while it is out, and called all the same because all are.
  return since >= slowStart || since < 0 ? weight : weight * Math.max(leastShare, since / slowStart);
}

function twoChoices<Q, S>(level: readonly Weighed<Q, S>[], context: Context, now: number): Member<Q, S> {
  const { random } = context.environment;
  const one = draw(level, random());
  const other = draw(level, random());
  return one === other || !isBusier(one, other, now) ? one : other;
}

function draw<Q, S>(level: readonly Weighed<Q, S>[], chance: number): Member<Q, S> {
  let left = chance * level.reduce((sum, { weight }) => sum + weight, 0);
  for (const { member, weight } of level) {
    left -= weight;
    if (left < 0) return member;
  }
  return (level.at(-1) as Weighed<Q, S>).member;
}

function isBusier<Q, S>(one: Member<Q, S>, other: Member<Q, S>, now: number): boolean {
  // Nothing is known of one that has not answered yet but what it was given.
  if (!one.latency.known || !other.latency.known) return one.inFlight > other.inFlight;
  const cost = ({ latency, inFlight }: Member<Q, S>) => latency.now(now) * (inFlight + 1);
  return cost(one) > cost(other);
}
