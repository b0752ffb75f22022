import type { SystemState } from "../observer/system-state.ts";
import { exits } from "./cli-error.ts";
import type { Call, CliCommand } from "./command.ts";
import { liveMessages } from "./live.ts";
import { orders, picture, type View, windows } from "./picture.ts";
import type { Screen } from "./screen.ts";
import { stateAfter, toldIn } from "./told-state.ts";
import { until } from "./until.ts";

export const topCommands: readonly CliCommand[] = [
  {
    name: "top",
    summary: "Show all policies as they go.",
    details:
      "At a terminal it redraws itself: w turns to the next window, s sorts by the next column, q ends it. In a pipe it\n" +
      "shows one picture; with --json, the observer's state in a line for each change, until Ctrl-C.",
    options: {
      window: { value: "<window>", help: `what the numbers cover: ${windows.join(", ")}. Default 1m` },
      sort: { value: "<column>", help: `what goes first: ${orders.join(", ")}. Default rate` },
      once: { help: "show one picture" },
      for: { value: "<time>", help: "end after 30s, say" },
    },
    examples: ["ninelives top", "ninelives top --once --window 15m --sort p99"],
    endless: true,
    run: async (call) => {
      const { screen, given, world } = call;
      const view: View = {
        window: given.oneOf("window", windows) ?? "1m",
        order: given.oneOf("sort", orders) ?? "rate",
        live: true,
      };
      if (screen.live && !screen.json && !given.flag("once")) await redrawn(call, view);
      else {
        const once = given.flag("once") || !screen.json;
        await until(world, given.span("for"), async (context) => {
          let state: SystemState | undefined;
          for await (const message of liveMessages(call.server, context, unheard)) {
            state = stateAfter(state, message);
            if (state === undefined) continue;
            if (screen.json) screen.value(toldIn(state));
            else for (const line of picture(screen, state, view)) screen.raw(`${line}\n`);
            if (once) return;
          }
        });
      }
      return exits.done;
    },
  },
];

const unheard = { onLost: () => {}, onBack: () => {} };

/** Draws over what was there before, with each message and each key, until somebody has seen enough. */
async function redrawn({ server, screen, given, world }: Call, first: View): Promise<void> {
  let view = first;
  let state: SystemState | undefined;
  const show = (change: Partial<View> = {}) => {
    view = { ...view, ...change };
    if (state !== undefined) screen.raw(frame(screen, state, view));
  };
  screen.raw(entered);
  try {
    await until(world, given.span("for"), async (context, end) => {
      const deafen = world.keys((key) => {
        if (key === "q") end();
        if (key === "w") show({ window: next(windows, view.window) });
        if (key === "s") show({ order: next(orders, view.order) });
      });
      try {
        const link = { onLost: () => show({ live: false }), onBack: () => show({ live: true }) };
        for await (const message of liveMessages(server, context, link)) {
          state = stateAfter(state, message);
          show();
        }
      } finally {
        deafen();
      }
    });
  } finally {
    screen.raw(left);
  }
}

/** To the other screen, without a cursor, and back. */
const entered = "\u001b[?1049h\u001b[?25l";
const left = "\u001b[?25h\u001b[?1049l";

/** A picture over the one before, each line to its end, and nothing beneath. */
function frame(screen: Screen, state: SystemState, view: View): string {
  const lines = picture(screen, state, view).slice(0, screen.height - 1);
  return `\u001b[H${lines.map((line) => `${line}\u001b[K\r\n`).join("")}\u001b[J`;
}

function next<T>(all: readonly T[], now: T): T {
  return all[(all.indexOf(now) + 1) % all.length] as T;
}
