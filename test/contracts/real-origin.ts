import { inject, vi } from "vitest";
import type { Addresses, Scene, Seen, Step } from "../fetch-server/scene.ts";

/** Before any test replaces it. */
const { fetch } = globalThis;

/** A scene at the real server, and what the server saw of it. */
export interface Origin {
  /** Names the scene in its URLs. */
  readonly name: string;
  /** Sets another scene, of which nothing has been seen yet. */
  set(steps: readonly Step[], rest?: Step): Promise<void>;
  /** The URL of the scene; `path` begins with a slash. */
  url(path?: string): string;
  /** The same at another origin. */
  elsewhere(path?: string): string;
  /** All requests so far. */
  seen(): Promise<readonly Seen[]>;
  /** All requests once they are as the test expects; rejects with what the test expects when they stay otherwise. */
  until(expected: (seen: readonly Seen[]) => void): Promise<readonly Seen[]>;
  /** Lets all go on that the scene holds. */
  release(): Promise<void>;
}

export const addresses = (): Addresses => inject("fetchServer");

/** Sets a scene: how the server answers the first requests, and all later ones. */
export async function realOrigin(steps: readonly Step[] = [], rest?: Step): Promise<Origin> {
  const { origin, other, control } = addresses();
  const name = `s${Math.random().toString(36).slice(2)}`;
  const ask = async (verb: string, body: string | null = null): Promise<readonly Seen[]> =>
    (await fetch(`${control}/${verb}/${name}`, { method: "POST", body })).json();
  const set = async (steps: readonly Step[], rest?: Step): Promise<void> => {
    const scene: Scene = { steps, ...(rest !== undefined && { rest }) };
    await ask("set", JSON.stringify(scene));
  };
  await set(steps, rest);
  const seen = () => ask("seen");
  return {
    name,
    set,
    url: (path = "/") => `${origin}/${name}${path}`,
    elsewhere: (path = "/") => `${other}/${name}${path}`,
    seen,
    until: (expected) =>
      vi.waitFor(
        async () => {
          const requests = await seen();
          expected(requests);
          return requests;
        },
        { timeout: 10_000, interval: 10 },
      ),
    async release() {
      await ask("release");
    },
  };
}
