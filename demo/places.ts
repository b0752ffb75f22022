import { fileURLToPath } from "node:url";

/** The repository. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** What the demo writes, beside wrangler's own. */
export const scratch = `${root}.wrangler/demo`;
