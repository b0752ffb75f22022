import { apiVersion, type JsonSchema, openApi } from "ninelives/control";
import { definitions, type OwnCommands } from "../commands.ts";
import type { Env } from "../env.ts";
import { describedRoutes } from "./described-routes.ts";

/** The OpenAPI document of this Worker. */
export function describedApi(env: Env, own?: OwnCommands): JsonSchema {
  return openApi(definitions(env, own), describedRoutes, apiVersion);
}
