import { useState } from "hono/jsx/dom";
import { type PolicyState, windowSpans } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { count, percent, plural, rate, unknown } from "../format.ts";
import { ailing } from "../health.ts";
import { type Grouping, groupings, groupOf, listed, type Sorting, sortings } from "../listing.ts";
import { allPolicies, isHeard } from "../model.ts";
import { useHeldOrder } from "../parts/held-order.ts";
import { PolicyCard } from "../parts/policy-card.tsx";
import { WindowSwitch } from "../parts/window-switch.tsx";
import { href } from "../route.ts";
import { refuses } from "../trouble.ts";
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

const groupedBy: Readonly<Record<Grouping, string>> = {
  none: "no groups",
  name: "group by name",
  key: "group by key",
  state: "group by state",
};

/** What stands in the list: a policy, or the head of a group. */
type Item = { readonly group: string } | { readonly name: string; readonly of: string };

/** All policies, those in trouble first unless one wants it otherwise. */
export function OverviewView() {
  const { model, window, clock, now } = useBoard();
  const [search, setSearch] = useState("");
  const [sorting, setSorting] = useState<Sorting>("trouble");
  const [grouping, setGrouping] = useState<Grouping>("none");
  const [folded, fold] = useState<ReadonlySet<string>>(new Set());
  const [wantedPage, turnTo] = useState(0);
  const all = allPolicies(model);
  const found = listed(all, { search, sorting, grouping, window }, now);
  const byName = new Map(found.map((state) => [state.policy, state]));
  const { list, order, late, release } = useHeldOrder([...byName.keys()], clock);
  const groups = new Map<string, PolicyState[]>();
  for (const name of order) {
    const state = byName.get(name) as PolicyState;
    const group = grouping === "none" ? "" : groupOf(state, grouping, now);
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [state]);
    else members.push(state);
  }
  const items = [...groups].flatMap(([group, members]): Item[] => [
    ...(grouping === "none" ? [] : [{ group }]),
    ...(folded.has(group) ? [] : members.map(({ policy }) => ({ name: policy, of: group }))),
  ]);
  const pages = Math.max(1, Math.ceil(items.length / paged));
  const page = Math.min(wantedPage, pages - 1);
  const shown = items.slice(page * paged, (page + 1) * paged);
  const [first] = shown;
  // A group that goes on from the page before has its head here too.
  if (grouping !== "none" && first !== undefined && "of" in first) shown.unshift({ group: first.of });
  const toggle = (group: string): void =>
    fold((before) => {
      const next = new Set(before);
      if (!next.delete(group)) next.add(group);
      return next;
    });

  if (all.length === 0) return <Nothing />;
  return (
    <>
      <Health policies={all} />
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
          onInput={(event: Event) => {
            setSearch((event.target as HTMLInputElement).value);
            turnTo(0);
          }}
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
        <select
          aria-label="Group policies"
          value={grouping}
          onChange={(event: Event) => {
            setGrouping((event.target as HTMLSelectElement).value as Grouping);
            fold(new Set());
            turnTo(0);
          }}
        >
          {groupings.map((each) => (
            <option key={each} value={each}>
              {groupedBy[each]}
            </option>
          ))}
        </select>
        <WindowSwitch />
      </div>
      <div class="cards" ref={list}>
        {shown.map((item) =>
          "group" in item ? (
            <GroupHead
              key={`group ${item.group}`}
              group={item.group}
              members={groups.get(item.group) ?? []}
              folded={folded.has(item.group)}
              toggle={() => toggle(item.group)}
            />
          ) : (
            <PolicyCard key={item.name} state={byName.get(item.name) as PolicyState} />
          ),
        )}
      </div>
      {found.length === 0 && <p class="note">No policy has “{search}” in its name.</p>}
      {pages > 1 && <Pages page={page} pages={pages} turnTo={turnTo} />}
    </>
  );
}

/** The first thing one reads: whether anything needs a look, and what. */
function Health({ policies }: { policies: readonly PolicyState[] }) {
  const { model, window, now } = useBoard();
  const { first, more } = ailing(policies, window, now);
  if (first.length === 0)
    return <p class="health">Nothing {model.absent === null ? "" : "that is known "}needs a look.</p>;
  return (
    <p class="health" data-tone="bad">
      {first.map(({ policy, words }, index) => (
        <span key={policy}>
          {index > 0 && ", "}
          <a href={href({ view: "policy", policy })}>{policy}</a> {words}
        </span>
      ))}
      {more > 0 && `, and ${count(more)} more need a look`}.
    </p>
  );
}

interface GroupHeadProps {
  readonly group: string;
  readonly members: readonly PolicyState[];
  readonly folded: boolean;
  readonly toggle: () => void;
}

/** A group's name and sums. Folded, it is all that is shown of it. */
function GroupHead({ group, members, folded, toggle }: GroupHeadProps) {
  const { window, now } = useBoard();
  const seen = members.map(({ windows }) => windows[window]);
  const sum = (read: (each: (typeof seen)[number]) => number): number =>
    seen.reduce((all, each) => all + read(each), 0);
  const requests = sum((each) => each.requests);
  const heard = members.some((member) => isHeard(member, windowSpans[window], now));
  const open = members.filter(({ circuits }) => circuits.some((circuit) => refuses(circuit, now))).length;
  return (
    <h2 class="group">
      <button type="button" aria-expanded={folded ? "false" : "true"} onClick={toggle}>
        <span aria-hidden="true">{folded ? "▸" : "▾"}</span> {group}
      </button>
      <span>{plural(members.length, "policy", "policies")}</span>
      {open > 0 && <span class="bad">{count(open)} open</span>}
      <span>{heard ? rate(sum((each) => each.rate)) : unknown}</span>
      <span>{percent(requests === 0 || !heard ? null : sum((each) => each.failures) / requests)} errors</span>
    </h2>
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
