import { useEffect, useRef } from "hono/jsx/dom";
import { heldOrder } from "../trouble.ts";

/** Milliseconds after the last movement of the mouse over a list for which its items stay where they are. */
const rest = 3_000;

/** A list whose items do not run away from the mouse or the focus that is on its way to them. */
export interface HeldOrder {
  /** For the element that holds the items. */
  readonly list: { current: HTMLElement | null };
  readonly order: readonly string[];
  /** Whether it would be another order if it were not held. */
  readonly late: boolean;
  readonly release: () => void;
}

export function useHeldOrder(names: readonly string[], now: number): HeldOrder {
  const list = useRef<HTMLElement>(null);
  const before = useRef<readonly string[]>([]);
  const movedAt = useRef(0);
  useEffect(() => {
    const moved = ({ target }: MouseEvent): void => {
      if (list.current?.contains(target as Node)) movedAt.current = Date.now();
    };
    document.addEventListener("mousemove", moved, { passive: true });
    return () => document.removeEventListener("mousemove", moved);
  }, []);

  const focused = list.current?.contains(document.activeElement) ?? false;
  const held = focused || now - movedAt.current < rest;
  before.current = held ? heldOrder(names, before.current) : names;
  return {
    list,
    order: before.current,
    late: before.current.some((name, index) => name !== names[index]),
    release: () => {
      movedAt.current = 0;
    },
  };
}
