#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { systemClock } from "../core/clock.ts";
import { CliError, exits } from "./cli-error.ts";
import { run } from "./run.ts";

const { stdin, stdout, stderr } = process;
const interrupt = new AbortController();
const enough = () => interrupt.abort(new Error("interrupted"));

process.once("SIGINT", enough);
process.once("SIGTERM", enough);
// Whoever read has had enough, as `head` does after ten lines.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exits.done);
});

async function read(path: string): Promise<string> {
  try {
    return path === "-" ? await text(stdin) : await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError(exits.usage, `${path} cannot be read: ${code ?? (error as Error).message}`);
  }
}

/** Keys come one by one, Ctrl-C among them, while somebody listens. */
function keys(listener: (key: string) => void): () => void {
  if (!stdin.isTTY) return () => {};
  const pressed = (bytes: Buffer) => {
    // Those that were pressed together come together.
    for (const key of bytes.toString()) {
      if (key === "\u0003") enough();
      else listener(key);
    }
  };
  stdin.setRawMode(true).resume().on("data", pressed);
  return () => {
    stdin.off("data", pressed).setRawMode(false).pause();
  };
}

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  fetch: globalThis.fetch,
  out: stdout,
  err: stderr,
  read,
  keys,
  signal: interrupt.signal,
  clock: systemClock,
});
