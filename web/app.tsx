import { useEffect, useRef, useState } from "hono/jsx/dom";
import type { WindowName } from "ninelives/observer";
import { BoardContext, useClock } from "./board.ts";
import type { Dashboard } from "./dashboard.ts";
import { Announcer } from "./parts/announcer.tsx";
import { Masthead } from "./parts/masthead.tsx";
import { TokenDialog } from "./parts/token-dialog.tsx";
import { Unheard } from "./parts/unheard.tsx";
import { type Route, readRoute } from "./route.ts";
import { useModel } from "./store.ts";
import { AlertsView } from "./views/alerts.tsx";
import { AuditView } from "./views/audit.tsx";
import { EventsView } from "./views/events.tsx";
import { OverviewView } from "./views/overview.tsx";
import { PolicyView } from "./views/policy.tsx";

/** Milliseconds without a connection after which what is shown counts as old. */
const patience = 5_000;

/** The whole page. */
export function App({ dashboard }: { dashboard: Dashboard }) {
  const model = useModel(dashboard.store);
  const [window, chooseWindow] = useState<WindowName>("1m");
  const route = useRoute();
  const main = useFocusOnArrival(route);
  const clock = useClock();
  const seenAt = (model.receivedAt ?? clock) + model.skew;
  const stale = model.link.state !== "live" && clock - (model.heardAt ?? clock) > patience;
  // What happens while nobody tells is unknown: no countdown runs on.
  const now = stale ? seenAt + patience : clock + model.skew;
  const board = { model, dashboard, now, clock, seenAt, window, chooseWindow };
  return (
    <BoardContext.Provider value={board}>
      <button type="button" class="skip primary" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Masthead route={route} />
      <main tabindex={-1} ref={main} data-stale={stale ? "true" : undefined}>
        <Unheard />
        <View route={route} />
      </main>
      <Announcer />
      {model.tokenWanted !== null && <TokenDialog wanted={model.tokenWanted} />}
    </BoardContext.Provider>
  );
}

function View({ route }: { route: Route }) {
  switch (route.view) {
    case "policy":
      return <PolicyView key={route.policy} policy={route.policy} />;
    case "events":
      return <EventsView />;
    case "alerts":
      return <AlertsView />;
    case "audit":
      return <AuditView />;
    default:
      return <OverviewView />;
  }
}

function useRoute(): Route {
  const [route, go] = useState(() => readRoute(location.hash));
  useEffect(() => {
    const follow = () => go(readRoute(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

/** Puts the title right, and the focus on what came when one goes somewhere else. */
function useFocusOnArrival(route: Route): { current: HTMLElement | null } {
  const main = useRef<HTMLElement>(null);
  const arrived = useRef(false);
  const title = route.view === "policy" ? route.policy : route.view;
  useEffect(() => {
    document.title = `${title} · Nine Lives`;
    if (arrived.current) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    arrived.current = true;
  }, [title]);
  return main;
}
