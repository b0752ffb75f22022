/** Where one is on the dashboard. It stands in the address behind `#`. */
export type Route =
  | { readonly view: "overview" | "events" | "alerts" | "audit" }
  | { readonly view: "policy"; readonly policy: string };

/** Reads the part of the address from `#` on. What does not exist is the overview. */
export function readRoute(hash: string): Route {
  const [view, name] = hash.replace(/^#\/?/, "").split("/");
  if (view === "events" || view === "alerts" || view === "audit") return { view };
  if (view === "policy" && name) return { view, policy: decoded(name) };
  return { view: "overview" };
}

/** The address of a place on the dashboard. */
export function href(route: Route): string {
  if (route.view === "policy") return `#/policy/${encodeURIComponent(route.policy)}`;
  return route.view === "overview" ? "#/" : `#/${route.view}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
