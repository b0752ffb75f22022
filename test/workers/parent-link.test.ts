import { expect, it } from "vitest";
import { ParentLink, type ShardNews } from "../../workers/objects/parent-link.ts";
import { toldToOwner } from "./test-worker.ts";

const part = { since: 0, events: 0, dropped: 0, policies: [], others: null, recent: [], skipped: 0 };

it("tells a parent that was out of reach all policies that made room meanwhile, the last thousand", async () => {
  toldToOwner("warn");
  const told: ShardNews[] = [];
  const lost: ((error: Error) => void)[] = [];
  let reached = false;
  const tell = (news: ShardNews) => {
    told.push(news);
    return reached ? Promise.resolve(true) : new Promise((_, reject) => lost.push(reject));
  };
  const state = {
    storage: { kv: { get: () => ({ parent: "parent", shard: 3 }) } },
    id: { name: "observer.4.3" },
  };
  const parents = { idFromString: (id: string) => id, get: () => ({ tell }) };
  const link = new ParentLink(state as never, { OBSERVER_PARENT: parents } as never);
  const send = (...forgotten: string[]) => link.tell({ ...part, forgotten } as never);
  const sent = [send("a"), send("b", "c")];
  // Both fail, the later one first.
  for (const reject of lost.toReversed()) reject(new Error("out of reach"));
  await Promise.all(sent);
  reached = true;
  await send("d");
  expect([...(told.at(-1)?.forgotten ?? [])].sort()).toEqual(["a", "b", "c", "d"]);
  await send();
  expect(told.at(-1)?.forgotten).toEqual([]);
  reached = false;
  const many = send(...Array.from({ length: 1_500 }, (_, number) => `p${number}`));
  lost.at(-1)?.(new Error("out of reach"));
  await many;
  reached = true;
  await send();
  expect([told.at(-1)?.forgotten?.length, told.at(-1)?.forgotten?.at(-1)]).toEqual([1_000, "p1499"]);
});
