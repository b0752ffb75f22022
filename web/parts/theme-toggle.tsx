import { useState } from "hono/jsx/dom";

const place = "ninelives.theme";

/** Light or dark: as the system says, until somebody decides here. `theme.js` remembers it before the first paint. */
export function ThemeToggle() {
  const [dark, choose] = useState(isDark);
  const toggle = (): void => {
    const theme = dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(place, theme);
    choose(!dark);
  };
  return (
    <button
      type="button"
      class="icon-button"
      onClick={toggle}
      aria-label={dark ? "Use light colours" : "Use dark colours"}
      title={dark ? "Light" : "Dark"}
    >
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
        <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.6" />
        <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />
      </svg>
    </button>
  );
}

function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
}
