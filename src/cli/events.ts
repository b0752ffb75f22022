import type { CircuitCall } from "../core/events.ts";
import type { ObservedEvent } from "../observer/live.ts";
import { isAtLeast, type Severity, severityOf } from "../telemetry/severity.ts";
import { exits } from "./cli-error.ts";
import type { CliCommand } from "./command.ts";
import { timeOfDay } from "./figures.ts";
import type { Given } from "./given.ts";
import { liveMessages } from "./live.ts";
import type { Cell, Ink, Screen } from "./screen.ts";
import { until } from "./until.ts";

const levels = ["debug", "info", "warn", "error"] as const satisfies readonly Severity[];
/** Events from before that are shown first. */
const shownBefore = 10;

export const eventCommands: readonly CliCommand[] = [
  {
    name: "events tail",
    summary: "Show events as they happen.",
    details:
      "It begins with the last ones, and when the stream breaks off it goes on where it was. Filters of one kind are\n" +
      "alternatives, and * stands for anything; an event has to pass those of all kinds.",
    options: {
      policy: { value: "<name>", help: "only of this policy; may be given again" },
      type: { value: "<type>", help: "only of this type, such as circuit.*; may be given again" },
      source: { value: "<source>", help: "only from there, such as page*; may be given again" },
      level: { value: "<level>", help: `only from this severity on: ${levels.join(", ")}` },
      last: {
        value: "<count>",
        help: `how many from before to show first, at most 200. Default ${shownBefore}`,
      },
      for: { value: "<time>", help: "end after 30s, say" },
      "no-follow": { help: "end after those from before" },
    },
    examples: [
      "ninelives events tail --policy prices --type 'circuit.*'",
      "ninelives events tail --json --level warn | jq -c '[.at, .policy, .type]'",
    ],
    endless: true,
    run: async ({ server, screen, given, world }) => {
      const fits = filterOf(given);
      const last = given.whole("last") ?? shownBefore;
      const seen = new Seen();
      await until(world, given.span("for"), async (context) => {
        const messages = liveMessages(server, context, {
          onLost: () => screen.note("the stream broke off", "yellow"),
          onBack: () => screen.note("the stream is back", "green"),
        });
        for await (const message of messages) {
          const { events, type } = message;
          const skipped = type === "delta" ? message.skipped : seen.missed(events);
          if (skipped > 0)
            screen.note(`${skipped} or more events are not shown: they are not kept`, "yellow");
          const fitting = (type === "delta" ? events : seen.fresh(events)).filter(fits);
          for (const event of seen.any ? fitting : fitting.slice(Math.max(0, fitting.length - last)))
            tell(screen, event);
          seen.take(events);
          if (given.flag("no-follow")) return;
        }
      });
      return exits.done;
    },
  },
];

/** Which events were shown, for a stream that begins anew with some that were. */
class Seen {
  /** Whether there was a message before. */
  any = false;
  #last: string | undefined;

  take(events: readonly ObservedEvent[]): void {
    this.any = true;
    const last = events.at(-1);
    if (last !== undefined) this.#last = JSON.stringify(last);
  }

  fresh(events: readonly ObservedEvent[]): readonly ObservedEvent[] {
    return events.slice(this.#known(events) + 1);
  }

  /** How many events are missing between what was seen and these: 1 where it is not known how many. */
  missed(events: readonly ObservedEvent[]): number {
    return this.#last === undefined || this.#known(events) >= 0 ? 0 : 1;
  }

  #known(events: readonly ObservedEvent[]): number {
    return events.findLastIndex((event) => JSON.stringify(event) === this.#last);
  }
}

/** Whether an event is wanted. */
function filterOf(given: Given): (event: ObservedEvent) => boolean {
  const [policy, type, source] = ["policy", "type", "source"].map((name) => matches(given.texts(name)));
  const level = given.oneOf("level", levels) ?? "debug";
  return (event) =>
    isAtLeast(event, level) &&
    policy?.(event.policy) === true &&
    type?.(event.type) === true &&
    source?.(event.source) === true;
}

/** Whether a text is one of these, in which `*` stands for anything; any will do where there are none. */
function matches(patterns: readonly string[]): (text: string) => boolean {
  if (patterns.length === 0) return () => true;
  const forms = patterns.map((pattern) => {
    const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`, "s");
  });
  return (text) => forms.some((form) => form.test(text));
}

const inks: Readonly<Record<Severity, Ink | undefined>> = {
  debug: "dim",
  info: undefined,
  warn: "yellow",
  error: "red",
};

const stamps: readonly string[] = ["type", "policy", "at", "source"];

function tell(screen: Screen, event: ObservedEvent): void {
  if (screen.json) {
    screen.value(event);
    return;
  }
  const { type, policy, at, source } = event;
  const ink = inks[severityOf(event)];
  const what = type.padEnd(20);
  const details = Object.entries(event)
    .filter(([name]) => !stamps.includes(name))
    .map(([name, value]) => `${name}=${detail(value)}`);
  const cells: Cell[] = [
    { text: timeOfDay(at), ink: "dim" },
    { text: policy.padEnd(12), ink: "bold" },
    ink === undefined ? what : { text: what, ink },
  ];
  screen.line(...cells, ...details, { text: source, ink: "dim" });
}

function detail(value: unknown): string {
  if (Array.isArray(value) && value.every(isCall))
    return value.map(({ circuit, state, result }) => `${circuit}(${state},${result})`).join(",");
  if (typeof value === "number") return String(Math.round(value * 100) / 100);
  return typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function isCall(value: unknown): value is CircuitCall {
  return typeof value === "object" && value !== null && "circuit" in value && "result" in value;
}
