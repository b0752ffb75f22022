import { readFileSync } from "node:fs";
import { isAbsent, shardOf } from "ninelives/observer";
import { describe, expect, it } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { exits } from "../../../src/cli/cli-error.ts";
import { commonOptions } from "../../../src/cli/help.ts";
import { commands } from "../../../src/cli/run.ts";
import { json, problem, Stage } from "./stage.ts";

const policies = (text = "retry(3)", name = "prices") =>
  json({ policies: [{ name, text, version: 2, updatedAt: 0, updatedBy: "ann" }] });
const never = () => {
  throw new Error("nothing is to be sent");
};

describe("ninelives", () => {
  it("says its version, which is the package's", async () => {
    const stage = new Stage(never);
    expect(await stage.run("--version")).toBe(exits.done);
    expect(stage.out).toBe(`${manifest.version}\n`);
  });

  it.each([[], ["help"], ["--help"]])("shows all commands for %j", async (...argv) => {
    const stage = new Stage(never);
    expect(await stage.run(...argv)).toBe(exits.done);
    for (const { name } of commands) expect(stage.out).toContain(`  ${name}`);
    for (const code of Object.values(exits)) expect(stage.out).toContain(`\n  ${code} `);
  });

  it.each(commands.map(({ name }) => name))("%s has help with examples and all its options", async (name) => {
    const stage = new Stage(never);
    expect(await stage.run(...name.split(" "), "--help")).toBe(exits.done);
    const command = commands.find((each) => each.name === name);
    expect(command?.examples.length).toBeGreaterThan(0);
    for (const example of command?.examples ?? []) expect(example).toContain(`ninelives ${name}`);
    for (const option of Object.keys({ ...command?.options, ...commonOptions }))
      expect(stage.out).toContain(`--${option}`);
  });

  it("gives options of one name the same form in all commands, as they are read before the command is known", () => {
    const forms = new Map<string, boolean>();
    for (const [name, { value }] of commands.flatMap(({ options = {} }) => Object.entries(options))) {
      expect([name, forms.get(name) ?? value !== undefined]).toEqual([name, value !== undefined]);
      expect(Object.keys(commonOptions)).not.toContain(name);
      forms.set(name, value !== undefined);
    }
  });

  it.each([
    [
      "nonsense",
      'there is no command "nonsense"',
      "there are policies, circuits, events, top, audit, commands, doctor",
    ],
    ["policies", "policies needs one more word", "policies list"],
    ["policies lst", 'there is no command "policies lst"', "policies list"],
    ["policies get", "policies get needs <name>", "ninelives policies get <name> [version]"],
    ["policies get a 1 2", 'policies get does not know what to do with "2"', "needs quotes"],
    ["policies get a x", 'version must be a whole number of at least 0, but is "x"', ""],
    ["policies list --nonsense", "policies list has no option --nonsense", "it has --url"],
    ["policies list --token secret", "policies list has no option --token", "NINELIVES_TOKEN"],
    ["--token secret policies list", "ninelives has no option --token", "NINELIVES_TOKEN"],
    ["policies list --json=yes", '--json must be a flag without a value, but is "yes"', ""],
    ["policies list --url", "--url needs a value: <url>", ""],
    ["circuits open a --reason --json", "--reason needs a value: <text>", "--reason=--json"],
    ["policies list --url ftp://edge.test", "--url must be an http(s) URL", '"ftp://edge.test"'],
    ["policies list --url https://ann:secret@edge.test", "--url must hold no user", "NINELIVES_TOKEN"],
    [
      "policies list --timeout soon",
      '--timeout must be a duration such as 30s, 15m or 2h, but is "soon"',
      "",
    ],
    ["policies set a retry(3) --seen x", '--seen must be a whole number of at least 0, but is "x"', ""],
    ["policies set a", "the policy's text is needed", "--file"],
    ["policies set a retry(3) --file x", "the policy's text is needed", "--file"],
    ["policies update a", "policies update needs <path=value…>", ""],
    ["policies update a retry.attempts", "a change must be one such as retry.attempts=5", '"retry.attempts"'],
    ["commands run a/b", "<name> must be one such as policy.list", '"a/b"'],
    ["commands run a --arg region", "--arg must be one such as region=eu or count:=3", '"region"'],
    ["commands run a --arg count:=x", "--arg count is no JSON", ""],
    ["commands run a --args x", "--args x is no JSON", ""],
    ["policies override a retry(3)", "policies override needs --for", "15m"],
    ["events tail --level loud", '--level must be one of debug, info, warn, error, but is "loud"', ""],
    ["top --window 2m", '--window must be one of 1m, 5m, 15m, but is "2m"', ""],
    ["audit verify --file x", "--file x must begin with a line such as", "before"],
  ])("%s: %s", async (line, error, hint) => {
    const stage = new Stage(never);
    expect(await stage.run(...line.split(" "))).toBe(exits.usage);
    expect(stage.out).toBe("");
    expect(stage.err).toContain(`ninelives: ${error}`);
    expect(stage.err).toContain(hint);
    expect(stage.err).not.toContain("secret");
    expect(stage.asked).toEqual([]);
  });

  it.each([
    ["polices list", "policies list"],
    ["polcies lst", "policies list"],
    ["Policies", "policies"],
    ["circuit open prices", "circuits open"],
    ["circuits opne prices", "circuits open"],
    ["policies hist prices", "policies history"],
    ["event", "events"],
    ["tpo", "top"],
    ["docter", "doctor"],
    ["tail", "events tail"],
    ["audit verfy --file x", "audit verify"],
    ["polices --help", "policies"],
    ["policies lst --help", "policies list"],
    ["help policies lst", "policies list"],
    ["comands run", "commands run"],
    ["tpo --version", "top"],
    ["--jsno", "--json"],
    ["--help --jsno", "--json"],
    ["policies list -json", "--json"],
    ["policies list --urll=https://edge.test", "--url"],
    ["policies list --URL https://edge.test", "--url"],
    ["policies set a b --dryrun", "--dry-run"],
    ["policies get a --tokenfile x", "--token-file"],
    ["events tail --nofollow", "--no-follow"],
    ["top --widnow 5m", "--window"],
    ["circuits open a --raeson down", "--reason"],
  ])("%s: did you mean %s?", async (line, meant) => {
    const stage = new Stage(never);
    expect(await stage.run(...line.split(" "))).toBe(exits.usage);
    expect(stage.out).toBe("");
    expect(stage.err).toContain(`(did you mean ${meant}?)\n`);
  });

  it.each(["nonsense", "list", "x", "policies frobnicate", "policies list -x", "top --frobnicate"])(
    "guesses nothing of %s",
    async (line) => {
      const stage = new Stage(never);
      expect(await stage.run(...line.split(" "))).toBe(exits.usage);
      expect(stage.err).toMatch(/there is no command|has no option/);
      expect(stage.err).not.toContain("did you mean");
    },
  );

  it.each(commands.map(({ name }) => name))(
    "%s refuses a misspelt option, with help or without",
    async (name) => {
      for (const more of [[], ["--help"], ["--version"]]) {
        const stage = new Stage(never);
        expect(await stage.run(...name.split(" "), "a", "b", "--tmieout", "3s", ...more)).toBe(exits.usage);
        expect(stage.err).toContain(`${name} has no option --tmieout (did you mean --timeout?)`);
        expect([stage.out, stage.asked]).toEqual(["", []]);
      }
    },
  );

  it("shows help on all commands, on some, or on one, and the version wherever it is asked for", async () => {
    const said = async (...argv: string[]) => {
      const stage = new Stage(never);
      expect(await stage.run(...argv)).toBe(exits.done);
      return stage.out;
    };
    expect(await said("help", "policies", "get")).toBe(await said("policies", "get", "--help"));
    const some = await said("help", "audit");
    expect(some).toBe(await said("audit", "--help"));
    expect(some).toContain("  audit verify");
    expect(some).not.toContain("  policies list");
    expect(await said("top", "--version")).toBe(`${manifest.version}\n`);
  });

  it("takes options before the command and after it", async () => {
    const stage = new Stage(() => policies());
    expect(await stage.run("--url", "https://other.test/base/", "policies", "list", "--json")).toBe(
      exits.done,
    );
    expect(stage.asked.map(({ path }) => path)).toEqual(["/base/v1/policies"]);
  });

  it("shows the token in the header alone", async () => {
    const stage = new Stage(() => policies(), { files: { "/run/token": "fi1e\n" } });
    await stage.run("policies", "list");
    await stage.run("policies", "list", "--token-file", "/run/token");
    expect(stage.asked.map(({ headers }) => headers.get("authorization"))).toEqual([
      "Bearer t0ken",
      "Bearer fi1e",
    ]);
  });

  it("quotes nothing of what is no token", async () => {
    const stage = new Stage(never, { env: { NINELIVES_TOKEN: "two words" } });
    expect(await stage.run("policies", "list")).toBe(exits.usage);
    expect(stage.err).toContain("NINELIVES_TOKEN holds no token");
    expect(stage.err).not.toContain("two");
  });

  it.each([
    [401, "unauthenticated", exits.denied],
    [403, "forbidden", exits.denied],
    [404, "not-found", exits.failed],
    [409, "conflict", exits.conflict],
    [422, "invalid-arguments", exits.failed],
    [500, "internal", exits.unreachable],
  ])("%i %s ends with %i, and says what the server said", async (status, type, exit) => {
    const stage = new Stage(() => problem(status, type, `it says ${type}`));
    expect(await stage.runOn("circuits", "close", "prices")).toBe(exit);
    expect(stage.err).toContain(`ninelives: it says ${type}\n`);
  });

  it("does not follow a redirect with its token", async () => {
    const stage = new Stage(
      () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } }),
    );
    expect(await stage.run("policies", "list")).toBe(exits.unreachable);
    expect(stage.asked).toHaveLength(1);
    expect(stage.err).toContain("https://evil.test/: is that the right --url?");
  });

  it("says that what answers is no Nine Lives", async () => {
    const stage = new Stage(() => new Response("<html>", { status: 404 }));
    expect(await stage.run("policies", "list")).toBe(exits.unreachable);
    expect(stage.err).toContain("is the --url right?");
  });

  it("says that nothing listens, after three attempts", async () => {
    const stage = new Stage(() => {
      throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
    });
    expect(await stage.runOn("policies", "list")).toBe(exits.unreachable);
    expect(stage.asked).toHaveLength(3);
    expect(stage.err).toContain("https://edge.test cannot be reached: ECONNREFUSED");
    expect(stage.err).toContain("does the Worker run, and on this port?");
  });

  it("gives up on a server that does not answer, after --timeout, thrice", async () => {
    const stage = new Stage(() => new Promise<never>(() => {}));
    expect(await stage.runOn("policies", "list", "--timeout", "2s")).toBe(exits.unreachable);
    expect(stage.asked).toHaveLength(3);
    expect(stage.err).toContain("no answer within 2000 ms");
    expect(stage.clock.pending).toBe(0);
  });

  it("sends a command again under the same id when its answer is lost", async () => {
    let lost = true;
    const stage = new Stage(() => {
      if (!lost)
        return json({
          id: "x",
          name: "circuit.close",
          value: { circuit: "prices", state: "closed", epoch: 2 },
        });
      lost = false;
      throw new TypeError("fetch failed");
    });
    expect(await stage.runOn("circuits", "close", "prices", "--reason", "it is well again")).toBe(exits.done);
    const ids = stage.asked.map(({ headers }) => headers.get("idempotency-key"));
    expect(ids).toHaveLength(2);
    expect(ids[0]).toBe(ids[1]);
    expect(stage.asked.at(-1)).toMatchObject({
      path: "/v1/commands/circuit.close",
      body: { circuit: "prices", reason: "it is well again" },
    });
    expect(stage.out).toBe("prices is closed\n");
  });

  it.each([
    [
      [{ path: "retry.backoff", before: "exponential(100ms)", after: null }],
      "- retry.backoff: exponential(100ms)\n+ retry.backoff: by default\n",
    ],
    [
      [{ path: "retry.attempts", before: null, after: "5" }],
      "- retry.attempts: by default\n+ retry.attempts: 5\n",
    ],
    // Whoever takes a policy out leaves none of its defaults.
    [
      [
        { path: "structure", before: "timeout + retry", after: "timeout" },
        { path: "retry.attempts", before: "5", after: null },
      ],
      "- structure: timeout + retry\n+ structure: timeout\n- retry.attempts: 5\n",
    ],
  ])("says what would be by default: %j", async (changes, lines) => {
    const value = { dryRun: true, applies: true, text: "retry", version: 2, changes, errors: [] };
    const stage = new Stage(() => json({ id: "x", name: "policy.set", value }));
    expect(await stage.run("policies", "dry-run", "prices", "retry", "--seen", "2")).toBe(exits.done);
    expect(stage.out).toBe(`prices: version 2 would become 3\n${lines}`);
  });

  it("says that nobody told which documents are in force where nobody did", async () => {
    const stage = new Stage(() => json({ policies: [{ policy: "silent" }] }));
    expect(await stage.run("policies", "followers")).toBe(exits.done);
    expect(stage.out).toBe("");
    expect(stage.err).toBe("nobody has told yet; isolates tell after the first change\n");
  });

  it("changes several values of a policy, each by its path, and says what is in force", async () => {
    const value = { name: "prices", text: "retry(5)", version: 3, updatedAt: 0, updatedBy: "ann" };
    const stage = new Stage(() => json({ id: "x", name: "policy.update", value }));
    const changes = ["retry.attempts=5", "retry.backoff=exponential(1s, factor: 3)", "timeout.after="];
    expect(await stage.run("policies", "update", "prices", ...changes, "--seen", "2")).toBe(exits.done);
    expect(stage.asked).toMatchObject([
      {
        path: "/v1/commands/policy.update",
        body: {
          name: "prices",
          version: 2,
          changes: {
            "retry.attempts": "5",
            "retry.backoff": "exponential(1s, factor: 3)",
            "timeout.after": null,
          },
        },
      },
    ]);
    expect(stage.out).toBe("prices: version 3 is in force\nretry(5)\n");
  });

  it("shows which version of a document is in force, and who refuses one, and why", async () => {
    const refused = [{ source: "node 7c1e", version: 3, reason: "line 1: no chaos in here", at: 0 }];
    const state = {
      policies: [
        { policy: "prices", document: { version: 2, followers: 4, current: 3, refused } },
        // As an older observer tells.
        { policy: "stock", document: { version: 0, followers: 3, refused: [] } },
        { policy: "silent" },
      ],
    };
    const stage = new Stage(() => json(state));
    expect(await stage.run("policies", "followers")).toBe(exits.failed);
    expect(stage.out.split("\n").slice(0, 3)).toEqual([
      "POLICY  IN FORCE  WITH    REFUSED  BY         AT                    WHY",
      "prices         2  3 of 4        3  node 7c1e  1970-01-01 00:00:00Z  line 1: no chaos in here",
      "stock          0  – of 3        –  –          –                     –",
    ]);
    expect(stage.asked.map(({ path }) => path)).toEqual(["/v1/state"]);
    stage.out = "";
    expect(await stage.run("policies", "followers", "stock", "--json")).toBe(exits.done);
    expect(JSON.parse(stage.out)).toEqual({ policy: "stock", version: 0, followers: 3, refused: [] });
    expect(await stage.run("policies", "followers", "silent")).toBe(exits.failed);
    expect(stage.err).toContain("nothing is known of a document of silent: nobody told of it");
  });

  it("takes nobody's silence for consent: with a shard of the observer that does not answer, what is not told is unknown", async () => {
    const [known, lost] = ["products", "prices"];
    const absent = { shards: [shardOf(lost, 2)], of: 2 };
    expect(isAbsent(known, absent)).toBe(false);
    const document = { version: 2, followers: 4, current: 4, refused: [] };
    const circuits = [{ circuit: known, state: "closed", since: 0, openings: 0, reason: null }];
    const stage = new Stage(({ path }) =>
      path === "/v1/state"
        ? json({ policies: [{ policy: known, document, circuits }], absent })
        : problem(403, "forbidden", "no"),
    );
    const words = "1 of 2 shards of the observer does not answer: its policies are unknown";
    expect(await stage.run("policies", "followers")).toBe(exits.failed);
    expect(stage.out).toContain("4 of 4");
    expect(stage.err).toBe(`${words}\n`);
    expect(await stage.run("policies", "followers", known)).toBe(exits.done);
    expect(await stage.run("policies", "followers", lost)).toBe(exits.failed);
    expect(stage.err).toContain(`nothing is known of a document of ${lost}: ${words}`);
    stage.err = "";
    expect(await stage.run("circuits", "list", "--json")).toBe(exits.done);
    expect(stage.err).toBe(`${words}\n`);
  });

  it("sends any command with arguments of any kind, under the id that it is told", async () => {
    const stage = new Stage(() => json({ id: "x", name: "cache.drain", value: { drained: ["\u009b31m"] } }), {
      files: { "args.json": '{ "region": "us", "deep": { "all": true } }' },
    });
    const argv = ["--args", "args.json", "--arg", "region=eu", "--arg", "count:=3", "--id", "again"];
    expect(await stage.run("commands", "run", "cache.drain", ...argv)).toBe(exits.done);
    expect(stage.asked).toMatchObject([
      { path: "/v1/commands/cache.drain", body: { region: "eu", count: 3, deep: { all: true } } },
    ]);
    expect(stage.asked[0]?.headers.get("idempotency-key")).toBe("again");
    expect(stage.out).toBe('{\n  "drained": [\n    "\ufffd31m"\n  ]\n}\n');
    await stage.run("commands", "run", "cache.drain", "--json");
    expect(stage.out).toContain('{"drained":["\u009b31m"]}\n');
  });

  it("ends with 130 at Ctrl-C while it waits", async () => {
    const stage = new Stage(() => new Promise<never>(() => {}));
    const ends = stage.run("policies", "list");
    await stage.clock.advance(0);
    stage.interrupt();
    expect(await ends).toBe(exits.interrupted);
    expect(stage.err).toBe("");
    expect(stage.clock.pending).toBe(0);
  });
});

describe("the guide", () => {
  const guide = readFileSync(new URL("../../../docs/guides/cli.md", import.meta.url), "utf8");

  it("shows every command", () => {
    for (const { name } of commands) expect(guide).toContain(name);
  });

  it("says what each exit code means", () => {
    const listed = [...guide.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(listed).toEqual(Object.values(exits));
  });

  it("names no option that does not exist", () => {
    const known = [
      ...Object.keys(commonOptions),
      ...commands.flatMap(({ options = {} }) => Object.keys(options)),
    ];
    const named = [...guide.matchAll(/(?<=[\s`])--([a-z][a-z-]*)/g)].map(([, name = ""]) => name);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe("a screen", () => {
  const list = async (options: ConstructorParameters<typeof Stage>[1], ...argv: string[]) => {
    const stage = new Stage(() => policies("retry(3) + timeout(250ms)"), options);
    await stage.run("policies", "list", ...argv);
    return stage.out;
  };

  it("aligns columns, with numbers to the right", async () => {
    expect(await list({})).toBe(
      "POLICY  VERSION  CHANGED               BY   TEXT\n" +
        "prices        2  1970-01-01 00:00:00Z  ann  retry(3) + timeout(250ms)\n",
    );
  });

  it("is coloured at a terminal, unless NO_COLOR, --no-color or a dumb terminal says no", async () => {
    const terminal = true;
    expect(await list({ terminal })).toContain("\u001b[1mprices\u001b[0m");
    expect(await list({ terminal, env: { NO_COLOR: "" } })).toContain("\u001b[");
    expect(await list({ terminal, env: { NO_COLOR: "1" } })).not.toContain("\u001b");
    expect(await list({ terminal, env: { TERM: "dumb" } })).not.toContain("\u001b");
    expect(await list({ terminal }, "--no-color")).not.toContain("\u001b");
    expect(await list({})).not.toContain("\u001b");
  });

  it("ends lines at the terminal's edge, and nowhere else", async () => {
    const lines = (await list({ terminal: true, columns: 56, env: { NO_COLOR: "1" } })).split("\n");
    expect(lines[1]).toBe("prices        2  1970-01-01 00:00:00Z  ann  retry(3) + …");
    expect(lines[1]).toHaveLength(56);
  });

  it("lets nothing that a stranger wrote steer the terminal", async () => {
    const stage = new Stage(() => policies("a\u001b[2J\u009b31m\nb\u202e", "x\u0007"));
    await stage.run("policies", "list");
    expect(stage.out).toContain("a\ufffd[2J\ufffd31m\ufffdb\ufffd");
    for (const steering of ["\u001b", "\u009b", "\u0007", "\u202e"])
      expect(stage.out).not.toContain(steering);
  });

  it("says JSON to programs, a line for each entry", async () => {
    expect(JSON.parse(await list({ terminal: true }, "--json"))).toEqual({
      name: "prices",
      text: "retry(3) + timeout(250ms)",
      version: 2,
      updatedAt: 0,
      updatedBy: "ann",
    });
  });
});
