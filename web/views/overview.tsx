import { useState } from "hono/jsx/dom";
import { useBoard } from "../board.ts";
import { allPolicies } from "../model.ts";
import { useHeldOrder } from "../parts/held-order.ts";
import { PolicyCard } from "../parts/policy-card.tsx";
import { WindowSwitch } from "../parts/window-switch.tsx";
import { byTrouble } from "../trouble.ts";
import { Nothing } from "./nothing.tsx";

/** All policies, those in trouble first. */
export function OverviewView() {
  const { model, window, clock, now } = useBoard();
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const sorted = byTrouble(allPolicies(model), window, now);
  const found = sorted.filter(({ policy }) => policy.toLowerCase().includes(wanted));
  const byName = new Map(found.map((state) => [state.policy, state]));
  const { list, order, late, release } = useHeldOrder([...byName.keys()], clock);

  if (sorted.length === 0) return <Nothing />;
  return (
    <>
      <div class="toolbar">
        <h1>Policies</h1>
        <p class="note">
          {wanted === "" ? "those in trouble first" : `${found.length} of ${sorted.length}`}
          {late && (
            <>
              {" · order held "}
              <button type="button" class="link" onClick={release}>
                sort now
              </button>
            </>
          )}
        </p>
        <input
          type="search"
          aria-label="Search policies"
          placeholder="Search policies"
          value={search}
          onInput={(event: Event) => setSearch((event.target as HTMLInputElement).value)}
        />
        <WindowSwitch />
      </div>
      <div class="cards" ref={list}>
        {order.map((name) => {
          const state = byName.get(name);
          return state && <PolicyCard key={name} state={state} />;
        })}
      </div>
      {found.length === 0 && <p class="note">No policy has “{search}” in its name.</p>}
    </>
  );
}
