import { type Knobs, type Resource, resources } from "../wire.ts";
import { catalogue } from "./catalogue.ts";
import type { OriginObject } from "./origin-object.ts";
import { problem } from "./problem.ts";
import { BadChange, readChange } from "./read-change.ts";

type Origin = DurableObjectStub<OriginObject>;

/** The origin's routes: what it sells, and the knobs that make it flaky. */
export async function answerRequest(request: Request, origin: Origin): Promise<Response> {
  const path = new URL(request.url).pathname.replace(/(?<=.)\/$/, "");
  if (path === "/knobs") return answerKnobs(request, origin);
  if (path === "/knobs/counts") return answerCounts(request, origin);
  const resource = resources.find((each) => path === `/${each}`);
  if (resource === undefined) return problem(404, "the origin sells products, prices and reviews");
  if (request.method !== "GET") return notAllowed("GET");
  return answerResource(resource, await origin.receive(resource));
}

async function answerResource(resource: Resource, { latency, errorRate, outage }: Knobs): Promise<Response> {
  if (outage) return problem(503, `${resource} are out of order`);
  const delay = latency * (0.75 + Math.random() / 2);
  await new Promise((resolve) => setTimeout(resolve, delay));
  if (Math.random() < errorRate) return problem(500, `${resource} stumbled`);
  return Response.json(catalogue(resource, Date.now()), { headers: { "cache-control": "no-store" } });
}

async function answerKnobs(request: Request, origin: Origin): Promise<Response> {
  switch (request.method) {
    case "GET":
      break;
    case "PUT": {
      const change = readChange(await request.text());
      if (change instanceof BadChange) return problem(change.status, change.message);
      if (!(await origin.turn(change))) return problem(409, "a visitor holds the knobs");
      break;
    }
    case "DELETE":
      await origin.release();
      break;
    default:
      return notAllowed("GET, PUT, DELETE");
  }
  return Response.json(await origin.report(), { headers: { "cache-control": "no-store" } });
}

async function answerCounts(request: Request, origin: Origin): Promise<Response> {
  if (request.method === "DELETE") await origin.forget();
  else if (request.method !== "GET") return notAllowed("GET, DELETE");
  const { counts } = await origin.report();
  return Response.json(counts, { headers: { "cache-control": "no-store" } });
}

function notAllowed(allow: string): Response {
  const response = problem(405, `only ${allow} will do here`);
  response.headers.set("allow", allow);
  return response;
}
