import type { Env as Bindings } from "../../workers/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends Bindings {
      readonly ORIGIN: Fetcher;
    }
    interface GlobalProps {
      mainModule: typeof import("../../workers/index.ts");
    }
  }
}
