import type { Child } from "hono/jsx";

interface EmptyProps {
  readonly title: string;
  /** Whether there is nothing else in the view. */
  readonly whole?: boolean;
  readonly children?: Child;
}

/** What stands where nothing is yet: what is missing, and what to do. */
export function Empty({ title, whole = false, children }: EmptyProps) {
  return (
    <section class="empty">
      {whole ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </section>
  );
}
