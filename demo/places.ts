import { fileURLToPath } from "node:url";

/** The repository. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** What the demo writes, beside wrangler's own: state, secrets, what it serves. `DEMO_SCRATCH` puts it elsewhere. */
export const scratch: string = process.env.DEMO_SCRATCH ?? `${root}.wrangler/demo`;
