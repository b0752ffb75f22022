export type Theme = "light" | "dark";

const place = "ninelives.theme";

/** The colours: what was chosen here, else what the system says. */
export const theme = {
  read(): Theme {
    const chosen = document.documentElement.dataset.theme;
    if (chosen !== undefined) return chosen === "dark" ? "dark" : "light";
    return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  },
  choose(chosen: Theme): void {
    document.documentElement.dataset.theme = chosen;
    localStorage.setItem(place, chosen);
  },
  /** Takes up what was chosen the last time. */
  restore(): void {
    const chosen = localStorage.getItem(place);
    if (chosen !== null) document.documentElement.dataset.theme = chosen;
  },
};
