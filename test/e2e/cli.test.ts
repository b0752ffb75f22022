import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { BareWorkerd } from "./bare-workerd.ts";
import { CliRun, type Ran } from "./cli-run.ts";
import { freePort } from "./running-demo.ts";

const hashOf = (token: string) => createHash("sha256").update(token).digest("hex");
const folder = mkdtempSync(join(tmpdir(), "ninelives-cli-"));
const running: CliRun[] = [];

let edge: BareWorkerd;

beforeAll(async () => {
  edge = await BareWorkerd.start({
    entry: "workers/index.ts",
    port: await freePort(),
    vars: {
      UPSTREAMS: JSON.stringify({
        prices: { service: "ORIGIN", policy: "retry(3) + circuitBreaker + timeout(1s)" },
        stock: { service: "ORIGIN", policy: "timeout(1s)" },
      }),
      PUBLIC_READS: "false",
      INGEST_KEYS: '{ "k1": ["*"] }',
      TOKENS: JSON.stringify([
        { name: "ann", sha256: hashOf("t-ann"), scopes: ["*"] },
        { name: "bob", sha256: hashOf("t-bob"), scopes: ["read"] },
        { name: "eve", sha256: hashOf("t-eve"), scopes: ["policy.*"], policies: ["stock"] },
      ]),
    },
  });
}, 60_000);

afterEach(async () => {
  for (const run of running.splice(0)) {
    run.signal("SIGKILL");
    await run.ended;
  }
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await edge?.remove();
});

const start = (token: string, ...args: string[]) => {
  const run = new CliRun(args, { NINELIVES_URL: edge.origin, NINELIVES_TOKEN: token });
  running.push(run);
  return run;
};
const as = (token: string, ...args: string[]): Promise<Ran> => start(token, ...args).ended;
const ann = (...args: string[]) => as("t-ann", ...args);
const jsonOf = ({ out }: Ran) =>
  out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const eventually = <T>(fact: () => T | Promise<T>) => expect.poll(fact, { timeout: 30_000, interval: 50 });

describe("ninelives", () => {
  it("lists, changes, compares and takes back policies", async () => {
    expect((await ann("policies", "list")).out).toContain("retry(3) + circuitBreaker + timeout(1s)");
    const dry = await ann("policies", "dry-run", "prices", "retry(5) + circuitBreaker + timeout(1s)");
    expect(dry).toMatchObject({ code: 0, err: "" });
    expect(dry.out).toContain("+ retry.attempts: 5");
    writeFileSync(join(folder, "prices"), "retry(5) + circuitBreaker + timeout(1s)\n");
    expect(
      await ann("policies", "set", "prices", "--file", join(folder, "prices"), "--seen", "0"),
    ).toMatchObject({
      code: 0,
      out: "prices: version 1 is in force\nretry(5) + circuitBreaker + timeout(1s)\n",
    });
    expect(await ann("policies", "set", "prices", "timeout(1s)", "--seen", "0")).toMatchObject({
      code: 5,
      out: "",
      err: "ninelives: version 0 was expected, but prices has version 1\n",
    });
    expect((await ann("policies", "diff", "prices")).out).toBe(
      "prices: version 0 to 1\n- retry.attempts: 3\n+ retry.attempts: 5\n",
    );
    expect((await ann("policies", "override", "prices", "timeout(2s)", "--for", "15m")).out).toContain(
      "version 2 is in force, for 15m",
    );
    expect((await ann("policies", "rollback", "prices", "0")).code).toBe(0);
    expect((await ann("policies", "get", "prices")).out).toBe("retry(3) + circuitBreaker + timeout(1s)\n");
    expect((await ann("policies", "get", "prices", "2")).out).toBe("timeout(2s)\n");
    expect(
      jsonOf(await ann("policies", "history", "prices", "--json")).map(({ version }) => version),
    ).toEqual([3, 2, 1, 0]);
  });

  it("says where a text is wrong, and ends with 1", async () => {
    expect(await ann("policies", "dry-run", "prices", "retry(0)")).toMatchObject({ code: 1 });
    const { code, err } = await ann("policies", "set", "prices", "retry(3) + nonsense(1)");
    expect(code).toBe(1);
    expect(err).toContain("nonsense");
  });

  it("updates some values of a policy, and sends any command that the server has", async () => {
    expect(await ann("policies", "update", "stock", "timeout.after=3s")).toMatchObject({
      code: 0,
      out: "stock: version 1 is in force\ntimeout(3s)\n",
    });
    expect((await ann("commands", "list")).out).toMatch(
      /^parameter\.read +path +Reads a value of a policy\.$/m,
    );
    const read = ["commands", "run", "parameter.read", "--arg", "path=stock/timeout.after"];
    expect(JSON.parse((await ann(...read)).out)).toMatchObject({ value: "3s", version: 1 });
    const write = ["commands", "run", "policy.rollback", "--arg", "name=stock", "--arg", "to:=0"];
    const once = [...write, "--arg", "version:=1", "--id", "roll back", "--json"];
    const [first] = jsonOf(await ann(...once));
    expect(first).toMatchObject({ version: 2, text: "timeout(1s)" });
    expect(jsonOf(await ann(...once))).toEqual([first]);
    expect((await ann(...write, "--arg", "version:=2", "--id", "roll back")).code).toBe(5);
  });

  it("opens a circuit with a reason, which the audit log keeps, and closes it", async () => {
    const opened = await ann("circuits", "open", "prices", "--reason", "the provider is down");
    expect(opened).toMatchObject({ code: 0, out: "prices is forced-open\n" });
    expect((await fetch(`${edge.origin}/gateway/prices/`)).status).toBe(503);
    await eventually(async () => (await ann("circuits", "list", "--open")).out).toMatch(
      /prices +prices +forced-open/,
    );
    expect((await ann("circuits", "close", "prices")).out).toBe("prices is closed\n");
    expect((await fetch(`${edge.origin}/gateway/prices/`)).status).toBe(200);
    expect((await ann("audit", "list")).out).toContain("the provider is down");
  });

  it("verifies the audit log here, and finds what was changed in a file of it", async () => {
    expect((await ann("audit", "verify")).out).toMatch(/^intact: \d+ entries, 1 to \d+\n$/);
    const { out } = await ann("audit", "export");
    const file = join(folder, "audit.ndjson");
    writeFileSync(file, out);
    expect(await ann("audit", "verify", "--file", file)).toMatchObject({ code: 0 });
    writeFileSync(file, out.replace('"command":"policy.set"', '"command":"policy.get"'));
    expect(await ann("audit", "verify", "--file", file)).toMatchObject({ code: 1 });
    const lines = out.split("\n");
    writeFileSync(file, lines.toSpliced(2, 1).join("\n"));
    expect((await ann("audit", "verify", "--file", file)).out).toMatch(/^broken: entry 3 /);
  });

  it("shows events as they happen, and ends cleanly at Ctrl-C", async () => {
    const tail = start("t-ann", "events", "tail", "--json", "--type", "circuit.*", "--last", "0");
    // What comes before the stream is open is not shown, since nothing from before is asked for.
    await eventually(async () => {
      await ann("circuits", "open", "prices");
      await ann("circuits", "close", "prices");
      return tail.out;
    }).toContain('"type":"circuit.closed"');
    tail.signal("SIGINT");
    const ended = await tail.ended;
    expect(ended).toMatchObject({ code: 0, err: "" });
    for (const event of jsonOf(ended))
      expect(event).toMatchObject({ policy: "prices", source: expect.any(String) });
  });

  it("goes on showing events after the server was away", async () => {
    const tail = start("t-ann", "events", "tail", "--policy", "prices", "--last", "0");
    await eventually(async () => {
      await ann("circuits", "open", "prices");
      return tail.out;
    }).toContain("circuit.opened");
    await edge.kill();
    await eventually(() => tail.err).toContain("broke off");
    await edge.resume();
    await eventually(() => tail.err).toContain("the stream is back");
    await eventually(async () => {
      await ann("circuits", "close", "prices");
      return tail.out;
    }).toContain("circuit.closed");
    tail.signal("SIGINT");
    expect((await tail.ended).code).toBe(0);
  });

  it("shows one picture of all policies in a pipe", async () => {
    await eventually(async () => {
      await fetch(`${edge.origin}/gateway/prices/`);
      return (await ann("top")).out;
    }).toMatch(/POLICY +RATE[\s\S]*prices +[\d.]+\/s/);
  });

  it.each([
    ["policies list", { name: "prices", text: expect.any(String), version: expect.any(Number) }],
    ["circuits list", { circuit: "prices", state: expect.any(String), epoch: expect.any(Number) }],
    ["top --once", { version: 1, policies: expect.any(Array) }],
    ["events tail --no-follow", { type: expect.any(String), policy: expect.any(String) }],
    ["audit list", { seq: expect.any(Number), command: expect.any(String), hash: expect.any(String) }],
    ["audit verify", { intact: true, broken: null }],
    ["commands list", { name: "policy.list", input: expect.any(Object) }],
  ])("%s says to programs what it says to people", async (line, first) => {
    const words = line.split(" ");
    const [json, { code, out, err }] = await Promise.all([ann(...words, "--json"), ann(...words)]);
    expect(jsonOf(json)[0]).toMatchObject(first);
    expect([code, err]).toEqual([0, ""]);
    expect(out).not.toMatch(/^[[{]/);
  });

  it("finds all well with what is", async () => {
    const run = new CliRun(["doctor", "--json"], {
      NINELIVES_URL: edge.origin,
      NINELIVES_TOKEN: "t-ann",
      NINELIVES_INGEST_KEY: "k1",
    });
    const ended = await run.ended;
    const found = Object.fromEntries(jsonOf(ended).map(({ check, result }) => [check, result]));
    expect(found).toMatchObject({
      node: "ok",
      server: "ok",
      transport: "ok",
      token: "ok",
      version: "ok",
      clock: "ok",
      live: "ok",
      ingest: "ok",
    });
    expect(Object.values(found)).not.toContain("failed");
    expect(ended.code).toBe(0);
    expect((await ann("doctor")).out).toMatch(/^✓ server +http[\s\S]*^– ingest/m);
  });

  it("says what a token may not do", async () => {
    const denied = await as("t-bob", "circuits", "open", "prices");
    expect(denied).toMatchObject({ code: 3, out: "" });
    expect(denied.err).toContain("bob may not send circuit.open: it needs circuit.open");
    expect((await as("wrong", "policies", "list")).code).toBe(3);
    // Bound to one policy, it may not read the route for all; the command shows its own.
    expect(jsonOf(await as("t-eve", "policies", "list", "--json")).map(({ name }) => name)).toEqual([
      "stock",
    ]);
  });

  it("takes the token from a file or from the input", async () => {
    const file = join(folder, "token");
    writeFileSync(file, "t-ann\n");
    const env = { NINELIVES_URL: edge.origin };
    expect((await new CliRun(["policies", "list", "--token-file", file], env).ended).code).toBe(0);
    expect((await new CliRun(["policies", "list", "--token-file", "-"], env, "t-ann\n").ended).code).toBe(0);
  });
});
