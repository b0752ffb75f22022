import { healthy, type KnobsReport, type Resource, resources, type Knobs as Settings } from "../wire.ts";
import { byId, element, say } from "./elements.ts";
import type { Knobs } from "./knobs.ts";
import { capitalised, span } from "./words.ts";

/** The panel that breaks the origin. Gives a function that asks the origin how its knobs stand and shows it. */
export function knobsView(knobs: Knobs): () => Promise<void> {
  const latency = byId("latency") as HTMLInputElement;
  const errorRate = byId("error-rate") as HTMLInputElement;
  const outage = byId("outage") as HTMLInputElement;
  const target = byId("target") as HTMLSelectElement;
  const counts = new Map(
    resources.map((resource) => [resource, element("dd", { "data-testid": `origin-calls-${resource}` })]),
  );
  byId("origin-calls").replaceChildren(
    ...[...counts].map(([resource, dd]) => element("div", {}, element("dt", {}, capitalised(resource)), dd)),
  );
  let report: KnobsReport | undefined;
  /** Between a visitor's touch and the origin's answer, what the origin said before is not shown. */
  let touched = false;

  for (const input of [latency, errorRate]) {
    input.addEventListener("input", () => {
      touched = true;
      label();
    });
  }
  for (const input of [latency, errorRate, outage]) {
    input.addEventListener("change", () => {
      touched = true;
      const chosen = {
        latency: Number(latency.value),
        errorRate: Number(errorRate.value) / 100,
        outage: outage.checked,
      };
      const about = target.value === "all" ? {} : { resource: target.value as Resource };
      void settle(() => knobs.turn({ by: "visitor", ...about, ...chosen }));
    });
  }
  target.addEventListener("change", show);
  byId("heal").addEventListener("click", () => settle(() => knobs.turn({ by: "visitor", ...healthy })));
  byId("release").addEventListener("click", () => settle(() => knobs.release()));

  async function settle(ask: () => Promise<KnobsReport>): Promise<void> {
    try {
      report = await ask();
      say(byId("knobs-trouble"), "");
    } catch {
      say(byId("knobs-trouble"), "The origin’s knobs do not answer.");
    }
    touched = false;
    show();
  }

  function show(): void {
    if (report === undefined) return;
    const { settings, by, note, heldFor } = report;
    const chosen =
      target.value === "all" ? worst(Object.values(settings)) : settings[target.value as Resource];
    latency.value = String(chosen.latency);
    errorRate.value = String(Math.round(chosen.errorRate * 100));
    outage.checked = chosen.outage;
    label();
    for (const [resource, dd] of counts) say(dd, String(report.counts[resource]));
    say(
      byId("knobs-status"),
      `${resources.map((each) => `${capitalised(each)} ${plight(settings[each])}`).join(", ")}.`,
    );
    byId("knobs-hand").dataset.hand = heldFor > 0 ? "visitor" : "scenario";
    say(byId("knobs-hand"), hand(by, note, heldFor));
    (byId("release") as HTMLButtonElement).disabled = heldFor === 0;
  }

  function label(): void {
    say(byId("latency-value"), `${latency.value} ms`);
    say(byId("error-rate-value"), `${errorRate.value} %`);
  }

  return async function refresh() {
    try {
      const heard = await knobs.read();
      if (touched) return;
      report = heard;
      say(byId("knobs-trouble"), "");
      show();
    } catch {
      say(byId("knobs-trouble"), "The origin’s knobs do not answer.");
    }
  };
}

function hand(by: KnobsReport["by"], note: string, heldFor: number): string {
  if (heldFor > 0) return `You hold the knobs: the scenario waits for ${span(heldFor)}.`;
  if (note === "") return by === "visitor" ? "Nobody holds the knobs." : "Nothing is being played right now.";
  return `The scenario plays: ${note}.`;
}

function worst(settings: readonly Settings[]): Settings {
  return {
    latency: Math.max(...settings.map(({ latency }) => latency)),
    errorRate: Math.max(...settings.map(({ errorRate }) => errorRate)),
    outage: settings.every(({ outage }) => outage),
  };
}

function plight({ latency, errorRate, outage }: Settings): string {
  if (outage) return "out of order";
  const parts = [
    ...(latency > 0 ? [`${latency} ms late`] : []),
    ...(errorRate > 0 ? [`${Math.round(errorRate * 100)} % errors`] : []),
  ];
  return parts.length === 0 ? "fine" : parts.join(" with ");
}
