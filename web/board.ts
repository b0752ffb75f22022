import { createContext, useContext, useEffect, useState } from "hono/jsx/dom";
import type { WindowName } from "ninelives/observer";
import type { Dashboard } from "./dashboard.ts";
import type { Model } from "./model.ts";

/** What every part of the page may look at. */
export interface Board {
  readonly model: Model;
  readonly dashboard: Dashboard;
  /** The observer's clock, as far as the page knows; it stands still while the connection is gone. */
  readonly now: number;
  /** The page's own clock. */
  readonly clock: number;
  /** When what is shown was so, by the observer's clock. */
  readonly seenAt: number;
  readonly window: WindowName;
  readonly chooseWindow: (window: WindowName) => void;
}

export const BoardContext = createContext<Board | null>(null);

/** What there is to see. */
export function useBoard(): Board {
  return useContext(BoardContext) as Board;
}

/** The page's clock, read anew each second, for countdowns and ages. */
export function useClock(): number {
  const [now, tick] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => tick(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
