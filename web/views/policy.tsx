import { useState } from "hono/jsx/dom";
import { isAbsent, type PolicyState } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { badgeOf, phase } from "../circuit-words.ts";
import { rowsOf } from "../event-log.ts";
import { count, plural, span, timeOfDay, unknown } from "../format.ts";
import { allPolicies, seriesOf, whyUnknown } from "../model.ts";
import { circuitsOfOthers, hasCircuit } from "../own-circuits.ts";
import { CircuitBadge } from "../parts/circuit-badge.tsx";
import { CircuitTimeline } from "../parts/circuit-timeline.tsx";
import { Empty } from "../parts/empty.tsx";
import { EventRows } from "../parts/event-rows.tsx";
import { Followers } from "../parts/followers.tsx";
import { LatencyChart, ThroughputChart } from "../parts/policy-charts.tsx";
import { PolicyPanel } from "../parts/policy-panel.tsx";
import { Steering } from "../parts/steering.tsx";
import { TimeIn } from "../parts/time-in.tsx";
import { WindowsTable } from "../parts/windows-table.tsx";
import { href } from "../route.ts";
import { sentence } from "../sentence.ts";
import { bySeverity, doubtful, worstCircuit } from "../trouble.ts";
import { Nothing } from "./nothing.tsx";

/** Events of a policy that are shown beside it; the rest is in the log. */
const shown = 40;

/** All that is known of one policy. */
export function PolicyView({ policy }: { policy: string }) {
  const { model } = useBoard();
  const state = allPolicies(model).find((each) => each.policy === policy);
  if (state !== undefined) return <Known state={state} />;
  if (model.observer === null) return <Nothing />;
  return (
    <Empty whole title={`Nothing is known of “${policy}”`}>
      <p>
        {isAbsent(policy, model.absent)
          ? "The shard of the observer that would know it does not answer. "
          : "It may have been quiet since the observer began. "}
        <a href={href({ view: "overview" })}>All policies</a>
      </p>
    </Empty>
  );
}

function Known({ state }: { state: PolicyState }) {
  const { model, now } = useBoard();
  const { policy, lastEventAt, circuits, reporters } = state;
  const series = seriesOf(state, now);
  const document = model.documents?.get(policy);
  const worst = worstCircuit(circuits, now);
  const rows = rowsOf(model.log, { text: "", type: "notable", policy }, sentence).slice(0, shown);
  const heard =
    lastEventAt === 0
      ? whyUnknown(model, policy)
      : `last call ${span(now - lastEventAt)} ago · ${plural(reporters, "reporter")} in the last minute`;
  return (
    <>
      <div class="title" data-state={badgeOf(state, now)}>
        <p class="note">
          <a href={href({ view: "overview" })}>← All policies</a>
        </p>
        <h1>{policy}</h1>
        <CircuitBadge state={badgeOf(state, now)} />
        <p class="since">{lastEventAt === 0 && worst === undefined ? unknown : phase(worst, now)}</p>
        <p class="note heard">{heard}</p>
      </div>
      <div class="detail">
        <div class="column">
          <ThroughputChart series={series} />
          <LatencyChart series={series} />
          <Circuits state={state} />
        </div>
        <div class="column beside">
          {document !== undefined && <PolicyPanel document={document} state={state} />}
          {document === undefined && state.document !== undefined && (
            <section class="panel" aria-labelledby="expression">
              <h2 id="expression">Policy</h2>
              <Followers state={state} />
            </section>
          )}
          <WindowsTable state={state} />
        </div>
        <section class="panel" aria-labelledby="events">
          <h2 id="events">Events</h2>
          {rows.length > 0 ? (
            <EventRows rows={rows} />
          ) : (
            <p class="note">Nothing notable since this page was opened.</p>
          )}
        </section>
      </div>
    </>
  );
}

const reasons: Readonly<Record<string, string>> = {
  failures: "too many calls failed",
  "slow-calls": "too many calls were slow",
  probe: "its probe failed",
  fleet: "its fleet decided so",
  forced: "by command",
  unconfirmed: "nobody told of its opening any more, and calls pass",
};

/** What a circuit is called that has no name of its own. */
const unnamed = "circuit";

/** Circuits that are shown until one asks for the rest, the worst first. */
const mostCircuits = 6;

/** A policy's own circuits and those that it told of for others, each with the buttons that steer it where it can be. */
function Circuits({ state }: { state: PolicyState }) {
  const { model, now } = useBoard();
  const { policy } = state;
  const [all, showAll] = useState(false);
  const circuits = [...state.circuits, ...circuitsOfOthers(model.policies.get(policy), model.documents)];
  const sorted = bySeverity(circuits, now);
  const visible = all ? sorted : sorted.slice(0, mostCircuits);
  return (
    <section class="panel" aria-labelledby="circuits">
      <h2 id="circuits">Circuits</h2>
      {circuits.length === 0 ? (
        <>
          <p class="note">Nobody has told of one.</p>
          {hasCircuit(state, model.documents) && <Steering circuit={policy} state={undefined} />}
        </>
      ) : (
        <ul class="circuits">
          {visible.map((report) => (
            <li key={report.circuit}>
              <strong>{report.circuit}</strong>
              <CircuitBadge state={doubtful(report, now) ? "unheard" : report.state} />
              <p>{phase(report, now)}</p>
              <p class="note">
                since {timeOfDay(report.since)}
                {report.reason !== null && ` · ${reasons[report.reason] ?? report.reason}`} · opened{" "}
                {count(report.openings)} {report.openings === 1 ? "time" : "times"}
              </p>
              {report.circuit === unnamed && (
                <p class="note">All circuits without a name count as this one, those of each key too.</p>
              )}
              <CircuitTimeline report={report} />
              <TimeIn report={report} />
              {model.documents?.has(policy) && report.circuit !== unnamed && (
                <Steering circuit={report.circuit} state={report.state} />
              )}
            </li>
          ))}
        </ul>
      )}
      {visible.length < sorted.length && (
        <button type="button" onClick={() => showAll(true)}>
          Show all {sorted.length}
        </button>
      )}
    </section>
  );
}
