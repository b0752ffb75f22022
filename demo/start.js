// Plain JavaScript, so that any Node can read it as far as the line that says what is wrong.
import { existsSync } from "node:fs";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < 22 || (major === 22 && minor < 18)) {
  end(
    `The demo needs Node 22.18 or later, and this is ${process.versions.node}: \`npm ci && npm run demo\` brings its own.`,
  );
} else if (!existsSync(new URL("../node_modules/wrangler", import.meta.url))) {
  end("Nothing is installed here yet: run `npm ci` first.");
} else {
  await import("./demo.ts");
}

/** @param {string} line */
function end(line) {
  console.error(line);
  process.exitCode = 1;
}
