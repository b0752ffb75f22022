import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { scratch } from "./places.ts";

/** What opens the doors of this demo, and of no other. */
export interface Secrets {
  /** Allows every command. */
  readonly token: string;
  /** Allows to send events, from the shop's own pages. */
  readonly ingestKey: string;
}

/** Made at the first start, and kept for the next ones. */
export function secrets(): Secrets {
  const file = `${scratch}/secrets.json`;
  try {
    const { token, ingestKey } = JSON.parse(readFileSync(file, "utf8")) as Partial<Secrets>;
    if (typeof token === "string" && typeof ingestKey === "string") return { token, ingestKey };
  } catch {
    // There are none yet.
  }
  const made = { token: random(), ingestKey: random() };
  mkdirSync(scratch, { recursive: true });
  writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
  return made;
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function random(): string {
  return randomBytes(18).toString("base64url");
}
