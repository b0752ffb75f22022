import type { Child } from "hono/jsx";

/** What stands where nothing is yet: what is missing, and what to do. */
export function Empty({ title, children }: { title: string; children?: Child }) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}
