import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { readCommand } from "ninelives/control";
import { commandsOf, policyDocuments } from "../commands.ts";
import type { Env } from "../env.ts";
import { identityOf, readers } from "../middleware/access.ts";
import { problem } from "../middleware/problem.ts";

const largestCommand = 64 * 1024;
const auditShown = 500;

/** `/v1/commands`, `/v1/policies`, `/v1/audit`: the control plane over HTTP. */
export const controlRoutes = new Hono<{ Bindings: Env }>()
  .post(
    "/commands",
    bodyLimit({
      maxSize: largestCommand,
      onError: () =>
        problem({
          status: 413,
          type: "command-too-large",
          detail: `a command has at most ${largestCommand} bytes`,
        }),
    }),
    async (c) => {
      const identity = await identityOf(c.req.raw, c.env);
      let input: unknown;
      try {
        input = await c.req.json();
      } catch {
        return problem({ status: 400, type: "bad-json", detail: "the body is no JSON" });
      }
      return c.json(await commandsOf(c.env)(readCommand(input, identity)));
    },
  )
  .get("/policies", readers, async (c) => c.json({ policies: await policyDocuments(c.env) }))
  .get("/audit", readers, async (c) => c.json(await c.env.CONTROL.getByName("control").audit(auditShown)));
