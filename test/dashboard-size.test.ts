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
  it("has 60,000 bytes at most, all its scripts, styles and pages together", () => {
    expect(existsSync(root), "dist/web exists (npm run build)").toBe(true);
    for (const part of ["**/*.js", "**/*.css", "**/*.html", "**/*.svg"])
      expect(weight(part)).toBeGreaterThan(100);
    expect(weight("**/*.{js,css,html,svg}")).toBeLessThanOrEqual(60_000);
  });
});
