import { useState } from "hono/jsx/dom";
import { useBoard } from "../board.ts";
import { groupOf, listed, type Sorting, sortings } from "../listing.ts";
import { allPolicies } from "../model.ts";
import { useHeldOrder } from "../parts/held-order.ts";
import { PolicyCard } from "../parts/policy-card.tsx";
import { WindowSwitch } from "../parts/window-switch.tsx";
import { Nothing } from "./nothing.tsx";

/** Cards on one page: more than one looks at, and few enough to be drawn five times a second. */
const paged = 48;

const sortedBy: Readonly<Record<Sorting, string>> = {
  trouble: "trouble first",
  name: "by name",
  rate: "by rate",
  errors: "by error rate",
  p99: "by p99",
};

/** All policies, those in trouble first unless one wants it otherwise. */
export function OverviewView() {
  const { model, window, clock, now } = useBoard();
  const [search, setSearch] = useState("");
  const [sorting, setSorting] = useState<Sorting>("trouble");
  const [grouped, setGrouped] = useState(false);
  const [wantedPage, turnTo] = useState(0);
  const all = allPolicies(model);
  const found = listed(all, { search, sorting, grouped, window }, now);
  const byName = new Map(found.map((state) => [state.policy, state]));
  const { list, order, late, release } = useHeldOrder([...byName.keys()], clock);
  const pages = Math.max(1, Math.ceil(order.length / paged));
  const page = Math.min(wantedPage, pages - 1);
  const names = order.slice(page * paged, (page + 1) * paged);

  if (all.length === 0) return <Nothing />;
  return (
    <>
      <div class="toolbar">
        <h1>Policies</h1>
        <p class="note">
          {found.length === all.length ? "" : `${found.length} of ${all.length}`}
          {late && (
            <>
              {" order held "}
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
        <select
          aria-label="Sort policies"
          value={sorting}
          onChange={(event: Event) => setSorting((event.target as HTMLSelectElement).value as Sorting)}
        >
          {sortings.map((each) => (
            <option key={each} value={each}>
              {sortedBy[each]}
            </option>
          ))}
        </select>
        <button
          type="button"
          aria-pressed={grouped ? "true" : "false"}
          title="put policies together whose names begin alike"
          onClick={() => setGrouped(!grouped)}
        >
          Group
        </button>
        <WindowSwitch />
      </div>
      <div class="cards" ref={list}>
        {names.flatMap((name, index) => {
          const state = byName.get(name);
          if (state === undefined) return [];
          const group = groupOf(name);
          const begins = grouped && (index === 0 || groupOf(names[index - 1] as string) !== group);
          const card = <PolicyCard key={name} state={state} />;
          return begins ? [<GroupHead key={`group ${group}`} group={group} names={order} />, card] : [card];
        })}
      </div>
      {found.length === 0 && <p class="note">No policy has “{search}” in its name.</p>}
      {pages > 1 && <Pages page={page} pages={pages} turnTo={turnTo} />}
    </>
  );
}

function GroupHead({ group, names }: { group: string; names: readonly string[] }) {
  return (
    <p class="group">
      <strong>{group}</strong> {names.filter((name) => groupOf(name) === group).length}
    </p>
  );
}

function Pages({ page, pages, turnTo }: { page: number; pages: number; turnTo: (page: number) => void }) {
  return (
    <nav class="pages" aria-label="Pages of policies">
      <button
        type="button"
        aria-disabled={page === 0 ? "true" : undefined}
        onClick={() => page > 0 && turnTo(page - 1)}
      >
        Previous
      </button>
      <p role="status">
        Page {page + 1} of {pages}
      </p>
      <button
        type="button"
        aria-disabled={page === pages - 1 ? "true" : undefined}
        onClick={() => page < pages - 1 && turnTo(page + 1)}
      >
        Next
      </button>
    </nav>
  );
}
