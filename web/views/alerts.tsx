import type { AlertReport, AlertSubject } from "ninelives/observer";
import { silenceOf } from "../alert-words.ts";
import { useBoard } from "../board.ts";
import { latency, percent, span, timeOfDay, unknown } from "../format.ts";
import { Empty } from "../parts/empty.tsx";
import { href } from "../route.ts";
import { Nothing } from "./nothing.tsx";

const sample = `{
  "rules": [
    { "name": "errors", "when": "error-rate", "above": 0.05 },
    { "name": "open", "when": "circuit-open", "for": "5m" }
  ],
  "webhook": { "url": "https://chat.example.com/hooks/1" }
}`;

const order = ["firing", "pending", "ok"] as const;

/** The rules on the windows, and what they found: what fires first. */
export function AlertsView() {
  const { model } = useBoard();
  if (model.observer === null) return <Nothing />;
  const rules = [...(model.alerts ?? [])].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  const firing = rules.filter(({ state }) => state === "firing").length;
  return (
    <>
      <div class="toolbar">
        <h1>Alerts</h1>
        {rules.length > 0 && (
          <p class="note" role="status">
            {firing === 0
              ? model.absent === null
                ? "none fires"
                : "none is known to fire"
              : `${firing} of ${rules.length} ${firing === 1 ? "fires" : "fire"}`}
          </p>
        )}
      </div>
      {rules.length === 0 ? (
        <Empty title="There are no rules for alerts">
          <p>
            A rule says when somebody is to be told: of a circuit that stays open, or of an error rate, a
            latency or an amplification above its limit. Rules stand in <code>ALERTS</code> of the Worker,
            with the webhook that hears of them:
          </p>
          <pre class="sample">{sample}</pre>
        </Empty>
      ) : (
        <ul class="alerts">
          {rules.map((rule) => (
            <Rule key={rule.name} rule={rule} />
          ))}
        </ul>
      )}
    </>
  );
}

function Rule({ rule }: { rule: AlertReport }) {
  const { model, now } = useBoard();
  // What a shard that does not answer would have found nobody knows.
  const state = rule.state === "ok" && model.absent !== null ? "unknown" : rule.state;
  return (
    <li class="panel" data-state={state}>
      <h2>
        <span class="alert-state">{state}</span> {rule.name}
      </h2>
      <p class="note">{condition(rule)}</p>
      {rule.subjects.length > 0 && (
        <ul>
          {rule.subjects.map((subject) => {
            const silence = silenceOf(rule, subject, model.policies.get(subject.policy), now);
            return (
              <li key={`${subject.policy} ${subject.circuit}`}>
                <a href={href({ view: "policy", policy: subject.policy })}>{subject.policy}</a>{" "}
                {silence && subject.circuit === null && "was "}
                {found(rule, subject)}{" "}
                {silence
                  ? `${silence}, ${subject.state}`
                  : `${subject.state} for ${span(now - subject.since)},`}{" "}
                since {timeOfDay(subject.since)}
              </li>
            );
          })}
        </ul>
      )}
    </li>
  );
}

const whens: Readonly<Record<string, string>> = {
  "error-rate": "error rate",
  latency: "p99 latency",
  amplification: "amplification",
};

/** A rule in words. */
function condition(rule: AlertReport): string {
  const where = rule.policy ?? "any policy";
  const lasting = rule.for > 0 ? ` for ${span(rule.for)}` : "";
  if (rule.when === "circuit-open") return `a circuit of ${where} not closed${lasting}`;
  return `${whens[rule.when] ?? rule.when} of ${where} above ${measured(rule, rule.above)} over ${rule.window}${lasting}`;
}

function found(rule: AlertReport, { circuit, value }: AlertSubject): string {
  return circuit === null ? `at ${measured(rule, value)},` : `circuit ${circuit},`;
}

function measured({ when }: AlertReport, value: number | null): string {
  if (value === null) return unknown;
  if (when === "error-rate") return percent(value);
  return when === "latency" ? latency(value) : `${value.toFixed(2)}×`;
}
