import type { PolicyState } from "ninelives/observer";
import { windowSpans } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { badgeOf, phase } from "../circuit-words.ts";
import { count, latency, percent, plural, rate, span, unknown } from "../format.ts";
import { isHeard, perSecond, seriesOf, whyUnknown } from "../model.ts";
import { circuitsOfOthers, hasCircuit, othersWords } from "../own-circuits.ts";
import { href } from "../route.ts";
import { highErrorRate, refuses, worstCircuit } from "../trouble.ts";
import { CircuitBadge } from "./circuit-badge.tsx";
import { Sparkline } from "./sparkline.tsx";
import { Steering } from "./steering.tsx";

/** A policy at a glance. */
export function PolicyCard({ state }: { state: PolicyState }) {
  const { model, window, now } = useBoard();
  const { policy, circuits, lastEventAt } = state;
  const worst = worstCircuit(circuits, now);
  const seen = state.windows[window];
  const known = isHeard(state, windowSpans[window], now);
  const failing = known && (seen.errorRate ?? 0) >= highErrorRate;
  const beneath = othersWords(circuitsOfOthers(model.policies.get(policy), model.documents), now);
  const others =
    circuits.length > 1
      ? ` · ${circuits.filter((circuit) => refuses(circuit, now)).length} of ${circuits.length} open`
      : "";
  return (
    <article class="card" data-state={badgeOf(state, now)} aria-labelledby={`card-${policy}`}>
      <header>
        <h2 id={`card-${policy}`}>
          <a href={href({ view: "policy", policy })}>{policy}</a>
        </h2>
        <CircuitBadge state={badgeOf(state, now)} />
      </header>
      <p class="since">
        {worst !== undefined
          ? `${phase(worst, now)}${others}${beneath && ` · ${beneath}`}`
          : beneath || (lastEventAt > 0 ? phase(worst, now) : whyUnknown(model, policy))}
      </p>
      <Sparkline series={seriesOf(state, now)} />
      <dl class="figures">
        <Figure name="rate" value={known ? rate(seen.rate) : unknown} />
        <Figure
          name="errors"
          value={known ? percent(seen.errorRate) : unknown}
          tone={failing ? "bad" : undefined}
        />
        <Figure name="p50" value={known ? latency(seen.p50) : unknown} />
        <Figure name="p99" value={known ? latency(seen.p99) : unknown} />
      </dl>
      <p class="asides">
        {!known && lastEventAt > 0 && <span>no calls heard for {span(now - lastEventAt)}</span>}
        <span>{known ? rate(perSecond(seen, seen.rejected, windowSpans[window])) : unknown} refused</span>
        {known && (seen.degraded ?? 0) > 0 && (
          <span class="degraded" title="answered by a fallback or an old answer, since the service failed">
            {percent((seen.degraded ?? 0) / seen.requests)} degraded
          </span>
        )}
        {state.limits.concurrency !== null && (
          <span title="calls at once, at most, of those that may be">
            {known ? count(seen.active) : unknown} of {count(state.limits.concurrency)} at once
          </span>
        )}
        {state.limits.rate !== null && state.limits.per != null && (
          <span title="what the rate limit lets through">
            limit {rate((state.limits.rate * 1_000) / state.limits.per)}
          </span>
        )}
        <span>{known ? plural(seen.retries, "retry", "retries") : `${unknown} retries`}</span>
        <span title="pages and workers that told of it within the last minute">
          {lastEventAt > 0 ? plural(state.reporters, "reporter") : `${count(null)} reporters`}
        </span>
      </p>
      {hasCircuit(state, model.documents) && (
        <Steering circuit={policy} state={circuits.find(({ circuit }) => circuit === policy)?.state} />
      )}
    </article>
  );
}

function Figure({ name, value, tone }: { name: string; value: string; tone?: string | undefined }) {
  return (
    <div data-tone={tone}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
