import { useBoard } from "../board.ts";
import { count, percent, rate, unknown } from "../format.ts";
import { knownPolicies } from "../model.ts";
import { href, type Route } from "../route.ts";
import { refuses } from "../trouble.ts";
import { Connection } from "./connection.tsx";
import { Logo } from "./logo.tsx";
import { Patterns } from "./sparkline.tsx";
import { ThemeToggle } from "./theme-toggle.tsx";

const places = [
  { view: "overview", label: "Overview" },
  { view: "events", label: "Events" },
  { view: "alerts", label: "Alerts" },
  { view: "audit", label: "Audit" },
] as const;

/** The head of every page: where one is, whether what one sees is alive, and the sums. */
export function Masthead({ route }: { route: Route }) {
  const here = route.view === "policy" ? "overview" : route.view;
  return (
    <header class="masthead">
      <Patterns />
      <div class="bar">
        <a class="brand" href={href({ view: "overview" })}>
          <Logo />
          Nine Lives
        </a>
        <nav aria-label="Views">
          {places.map(({ view, label }) => (
            <a key={view} href={href({ view })} aria-current={here === view ? "page" : undefined}>
              {label}
              {view === "alerts" && <Firing />}
            </a>
          ))}
        </nav>
        <Connection />
        <ThemeToggle />
      </div>
      <Totals />
    </header>
  );
}

/** How many alerts fire, where one sees it from every view. */
function Firing() {
  const { model } = useBoard();
  const firing = (model.alerts ?? []).filter(({ state }) => state === "firing").length;
  return firing === 0 ? null : (
    <span class="firing">
      {firing}
      <span class="unseen"> firing</span>
    </span>
  );
}

function Totals() {
  const { model, now } = useBoard();
  const known = model.observer !== null;
  const policies = knownPolicies(model);
  // What a shard that does not answer would add is unknown.
  const sum = (words: string): string => (known ? (model.absent === null ? words : `≥ ${words}`) : unknown);
  const circuits = policies.flatMap((policy) => policy.circuits);
  const open = circuits.filter((circuit) => refuses(circuit, now)).length;
  const minute = policies.map((policy) => policy.windows["1m"]);
  const requests = minute.reduce((sum, { requests }) => sum + requests, 0);
  const failures = minute.reduce((sum, { failures }) => sum + failures, 0);
  const perSecond = minute.reduce((sum, { rate }) => sum + rate, 0);
  const dropped = model.observer?.dropped ?? 0;
  return (
    <dl class="totals">
      <Total name="Policies" value={sum(count(policies.length))} />
      <Total name="Circuits open" value={sum(count(open))} tone={open > 0 ? "bad" : undefined} />
      <Total name="Requests" value={sum(rate(perSecond))} />
      <Total
        name="Errors"
        value={percent(requests === 0 || model.absent !== null ? null : failures / requests)}
      />
      {dropped > 0 && <Total name="Events lost" value={count(dropped)} tone="warning" />}
    </dl>
  );
}

function Total({ name, value, tone }: { name: string; value: string; tone?: string | undefined }) {
  return (
    <div data-tone={tone}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
