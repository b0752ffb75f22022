import { useState } from "hono/jsx/dom";
import { theme } from "../theme.ts";

/** Light or dark: as the system says, until somebody decides here. */
export function ThemeToggle() {
  const [current, show] = useState(theme.read);
  const other = current === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      class="icon-button"
      onClick={() => {
        theme.choose(other);
        show(other);
      }}
      aria-label={`Use ${other} colours`}
      title={`Use ${other} colours`}
    >
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
        <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.6" />
        <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />
      </svg>
    </button>
  );
}
