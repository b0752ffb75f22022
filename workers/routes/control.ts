import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { readCommand, sha256 } from "ninelives/control";
import { commandsOf } from "../commands.ts";
import { policyDocuments } from "../documents.ts";
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
  .get("/policies", readers, async (c) => {
    const body = JSON.stringify({ policies: await policyDocuments(c.env) });
    const etag = `"${(await sha256(body)).slice(0, 32)}"`;
    const headers = { etag, "cache-control": "no-cache", "content-type": "application/json" };
    // Proxies that pack a body make its tag a weak one.
    const known = (c.req.header("if-none-match") ?? "")
      .split(",")
      .map((tag) => tag.trim().replace(/^W\//, ""));
    if (known.includes(etag)) return new Response(null, { status: 304, headers });
    return new Response(body, { headers });
  })
  .get("/audit", readers, async (c) => c.json(await c.env.CONTROL.getByName("control").audit(auditShown)));
