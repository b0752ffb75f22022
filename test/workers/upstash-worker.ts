import { waitUntil } from "cloudflare:workers";
import { circuitBreaker, compose, environment, isRejected } from "ninelives";
import { redisStore, upstash } from "ninelives/stores/redis";

export {
  CircuitObject,
  ControlObject,
  ObserverObject,
  ObserverParent,
  RegistryObject,
} from "../../workers/index.ts";

interface Env {
  readonly UPSTASH_REDIS_REST_URL: string;
  readonly UPSTASH_REDIS_REST_TOKEN: string;
}

let made: ReturnType<typeof make> | undefined;

function make({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token }: Env) {
  const shared = redisStore(upstash({ url, token }));
  const circuit = (name: string) => circuitBreaker({ name, consecutiveFailures: 2, shared });
  const circuits = { prices: circuit("prices"), reviews: circuit("reviews") };
  const policies = {
    prices: compose(environment({ waitUntil }), circuits.prices),
    reviews: compose(environment({ waitUntil }), circuits.reviews),
  };
  return { circuits, policies };
}

/**
 * A Worker whose circuits live in Redis, by Upstash's REST: `/prices` and `/reviews` are calls of theirs that succeed, or
 * fail with `?down`; `/states` tells how they stand.
 */
const onUpstash: ExportedHandler<Env> = {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/healthz") return new Response("ok");
    made ??= make(env);
    const { circuits, policies } = made;
    if (pathname === "/states")
      return Response.json({ prices: circuits.prices.state, reviews: circuits.reviews.state });
    try {
      await policies[pathname === "/prices" ? "prices" : "reviews"].execute(async () => {
        if (searchParams.has("down")) throw new Error("down");
      });
      return new Response("served");
    } catch (error) {
      return isRejected(error)
        ? new Response(error.kind, { status: 503 })
        : new Response("down", { status: 502 });
    }
  },
};

// biome-ignore lint/style/noDefaultExport: the platform wants the handler so.
export default onUpstash;
