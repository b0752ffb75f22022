/** What a process learned about its services, kept through a restart: in a file, in localStorage, in a Durable Object. */
import {
  type AnyPolicy,
  adaptiveLimit,
  circuitBreaker,
  compose,
  environment,
  hedge,
  keyed,
  percentile,
  rateLimit,
  retry,
  throttle,
  tokenBudget,
} from "ninelives";
import { memoryStore } from "ninelives/stores/memory";
import { type GroupSnapshot, group } from "ninelives/upstreams";

/** What keeps a text under a name, such as `localStorage`. */
interface Shelf {
  getItem(name: string): string | null;
  setItem(name: string, text: string): void;
}

/** What learns and can tell what it has learned. */
interface Learner {
  snapshot(): unknown;
  restore(snapshot: never): void;
}

/** The policies of a process, made anew at each start. */
function policies() {
  const home = memoryStore();
  const orders = circuitBreaker({ name: "orders", consecutiveFailures: 2, shared: home });
  const replicas = group({
    members: ["a", "b"].map((name) => ({ name, service: async (failing: string) => reply(name, failing) })),
    consecutiveFailures: 1,
  });
  const parts = {
    home,
    replicas: {
      snapshot: () => replicas.snapshot(performance.now()),
      restore: (snapshot: GroupSnapshot) => replicas.restore(snapshot, performance.now()),
    },
    circuit: circuitBreaker({ name: "prices", consecutiveFailures: 2, openFor: "30s" }),
    limit: rateLimit({ limit: 10, per: "1m" }),
    concurrency: adaptiveLimit(),
    throttle: throttle(),
    budget: tokenBudget(),
    latency: percentile(0.95, { minimumCalls: 5 }),
  };
  const { circuit, limit, concurrency, throttle: shed, budget, latency } = parts;
  const policy: AnyPolicy = compose(
    limit,
    shed,
    concurrency,
    retry({ attempts: 2, budget }),
    hedge({ after: latency }),
    circuit,
  );
  const circuits = new Map<string, Learner>();
  const hosts = keyed((host) => {
    const made = circuitBreaker({ name: host });
    circuits.set(host, made);
    return made;
  });
  return { parts, policy, hosts, circuits, orders, replicas };
}

function reply(name: string, failing: string): string {
  if (name === failing) throw new Error(`${name} is down`);
  return name;
}

/** The replicas that are left out. */
const leftOut = ({ replicas }: Policies): string =>
  replicas
    .state(performance.now())
    .filter(({ state }) => state === "ejected")
    .map(({ name }) => name)
    .join();

type Policies = ReturnType<typeof policies>;

/** Keeps all that they know. Plain JSON, with durations and no times, so that another machine may go on with it. */
function save(shelf: Shelf, { parts, hosts, circuits }: Policies): void {
  const known = Object.entries(parts).map(([name, part]) => [name, part.snapshot()]);
  const byHost = hosts.keys().map((host) => [host, circuits.get(host)?.snapshot()]);
  shelf.setItem("ninelives", JSON.stringify({ version: 1, known: Object.fromEntries(known), byHost }));
}

/** Goes on from what was kept. What is missing, of another version or none of ours is left out: that part begins anew. */
function load(shelf: Shelf, { parts, hosts, circuits }: Policies): void {
  const kept = JSON.parse(shelf.getItem("ninelives") ?? "{}");
  if (kept.version !== 1) return;
  const restore = (part: Learner, snapshot: unknown): void => {
    try {
      part.restore(snapshot as never);
    } catch (error) {
      console.log(`left out: ${(error as Error).message}`);
    }
  };
  for (const [name, part] of Object.entries(parts)) {
    if (name in kept.known) restore(part, kept.known[name]);
  }
  for (const [host, snapshot] of kept.byHost) {
    hosts.of(host);
    restore(circuits.get(host) as Learner, snapshot);
  }
}

const texts = new Map<string, string>();
const shelf: Shelf = {
  getItem: (name) => texts.get(name) ?? null,
  setItem: (name, text) => texts.set(name, text),
};

// A process finds out that prices are down and that one host is, and ends.
const before = policies();
for (let call = 0; call < 5; call++) await before.policy.execute(async () => "fine");
const down = async () => {
  throw new Error("down");
};
await before.policy.execute(down).catch(() => {});
await before.hosts.execute(async () => "fine", { key: "a.example.com" });
for (let call = 0; call < 2; call++) await before.orders.execute(down).catch(() => {});
await before.orders.sync();
const call = compose(environment({})).wrap(before.replicas);
while (leftOut(before) === "") await call("b").catch(() => {});
save(shelf, before);
console.log(before.parts.circuit.state, leftOut(before)); //=> open b

// The next one begins with that, and calls nothing that is known to be down.
const after = policies();
console.log(after.parts.circuit.state); //=> closed
load(shelf, after);
console.log(after.parts.circuit.state, leftOut(after)); //=> open b
await after.orders.sync();
console.log(after.orders.state); //=> open
console.log(after.parts.limit.available, after.hosts.keys().join()); //=> 4 a.example.com

// What was kept by something else does no harm.
texts.set("ninelives", JSON.stringify({ version: 1, known: { limit: { used: -1 } }, byHost: [] }));
const anew = policies();
load(shelf, anew); //=> left out: restore: used must be a number from 0 to 1000000000000000, but is -1
console.log(anew.parts.circuit.state); //=> closed
