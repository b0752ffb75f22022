import { expect, it, onTestFinished, vi } from "vitest";
import { gatewayOf } from "../../workers/gateway.ts";
import { testWorker, toldToOwner } from "./test-worker.ts";

it("an override ends in the gateway while the control plane is out of reach, which is then followed again", async () => {
  toldToOwner("warn");
  const members = [
    { name: "a", service: "ORIGIN" },
    { name: "b", service: "ORIGIN" },
  ];
  const { env, command, fetch } = await testWorker({
    upstreams: { prices: { members, policy: "identity" } },
  });
  const main = () => gatewayOf(env).upstreams.get("prices");
  const inForce = () => [main()?.policy.text, main()?.destination.weights.get("a")?.value];
  const expiresIn = "1h";
  await command("admin", "policy.set", { name: "prices", version: 0, text: "retry(3)", expiresIn });
  await command("admin", "weight.set", { upstream: "prices", weights: { a: 5 }, expiresIn });
  expect(inForce()).toEqual(["retry(3)", 5]);
  const bindings = env as { CONTROL: unknown };
  const reached = bindings.CONTROL;
  const poll = () => Promise.reject(new Error("out of reach"));
  bindings.CONTROL = { getByName: () => ({ poll }) };
  expect((await fetch("/gateway/prices/")).status).toBe(200);
  expect(inForce()).toEqual(["retry(3)", 5]);
  // Of all, the object at home too.
  const later = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_601_000);
  onTestFinished(() => later.mockRestore());
  expect((await fetch("/gateway/prices/")).status).toBe(200);
  await vi.waitFor(() => expect(inForce()).toEqual(["identity", 1]));
  bindings.CONTROL = reached;
  const { status } = await command("admin", "policy.set", { name: "prices", version: 2, text: "retry(5)" });
  expect([status, ...inForce()]).toEqual([200, "retry(5)", 1]);
});
