import {
  CommandError,
  defineCommand,
  object,
  optional,
  type RegisteredCommand,
  text,
} from "ninelives/control";
import type { Env } from "./env.ts";
import { gatewayOf } from "./gateway.ts";
import { circuitHome } from "./homes.ts";

/** Resets a shared rate limit. */
export function limiterCommands(env: Env): RegisteredCommand[] {
  return [
    defineCommand({
      name: "limiter.reset",
      description:
        "Has all isolates forget what a rate limit has counted; each hears of it with its next report, within seconds.",
      input: object({
        limiter: text({ most: 200, description: "its name, such as prices or prices.2" }),
        reason: optional(text({ most: 300, description: "why, for the audit log" })),
      }),
      output: { type: "object", required: ["limiter"], properties: { limiter: { type: "string" } } },
      touches: ({ limiter }) => limiter,
      run: async ({ limiter }) => {
        const known = [...gatewayOf(env).routes.values()].flatMap(({ limits }) => [...limits]);
        if (!known.includes(limiter)) {
          throw new CommandError("not-found", `there is no limiter ${limiter}`, { there: known });
        }
        await circuitHome(env, `${limiter}:limit`).reset();
        return { limiter };
      },
    }),
  ];
}
