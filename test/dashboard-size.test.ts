import { existsSync, globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../dist/web/", import.meta.url));

/** Bytes that a browser fetches of such files of the dashboard, each compressed as it is sent. */
function weight(pattern: string): number {
  const files = globSync(pattern, { cwd: root });
  return files.reduce((sum, file) => sum + gzipSync(readFileSync(root + file)).byteLength, 0);
}

describe("the dashboard", () => {
  it.each([
    ["**/*.js", 60_000],
    ["**/*.{css,html,svg}", 6_500],
  ])("has %s of %d bytes at most", (pattern, limit) => {
    expect(existsSync(root), "dist/web exists (npm run build)").toBe(true);
    expect(weight(pattern)).toBeGreaterThan(1_000);
    expect(weight(pattern)).toBeLessThanOrEqual(limit);
  });
});
