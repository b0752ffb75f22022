import { describe, expect, it } from "vitest";
import { problemIn, testWorker } from "./test-worker.ts";

async function refusal(name: string, args: object) {
  const { command } = await testWorker({
    upstreams: {
      prices: { service: "ORIGIN", policy: "retry(3)" },
      knobs: { service: "ORIGIN", policy: "timeout(5s)", quiet: true },
    },
  });
  return problemIn(await command("admin", name, args));
}

const name = "prices";
const tree = { policy: "retry", arguments: [{ value: 0 }] };

describe("what a command is refused for", () => {
  it.each<[string, object, string]>([
    ["policy.set", { name, version: 0, text: "retry(0)" }, "text: line 1, column 1: retry: attempts must be"],
    ["policy.set", { name, version: 0, tree }, "tree: retry: attempts must be"],
    ["policy.update", { name, changes: { "retry.attempt": 5 } }, "changes: retry has no option"],
    ["parameter.write", { path: "prices/retry.attempts", value: 0 }, "value: retry: attempts must be"],
    [
      "policy.update",
      { name: "prices/settings", changes: { "group.slowStart": "1s" } },
      "changes: settings.group is for members",
    ],
    [
      "upstream.set",
      { upstream: "prices", settings: { group: { slowStart: "1s" } } },
      "settings.group is for members",
    ],
  ])("names the argument that it is in: %s %j", async (command, args, begins) => {
    const problem = await refusal(command, args);
    expect(problem.status).toBe(422);
    expect(String(problem.detail).slice(0, begins.length)).toBe(begins);
    expect("line" in problem).toBe("text" in args);
  });

  it("says so of a change that was only tried, too", async () => {
    const { command } = await testWorker({ upstreams: { prices: { service: "ORIGIN" } } });
    const response = await command("admin", "policy.set", { name, version: 0, text: "retry(", dryRun: true });
    const { value } = (await response.json()) as { value: { errors: object[] } };
    expect(value.errors).toMatchObject([{ message: expect.stringMatching(/^text: line 1, /), line: 1 }]);
  });

  it.each([
    ["policy.get", { name: "nosuch" }, "there is no policy nosuch; there is prices"],
    ["upstream.get", { upstream: "nosuch" }, "there is no upstream nosuch; there is prices"],
  ])("lists what there is without what is quiet: %s", async (command, args, detail) => {
    expect(await refusal(command, args)).toMatchObject({ status: 404, detail });
  });
});
