export { classifyHttp } from "./classify.ts";
export {
  type FetchCall,
  type ResilientFetchOptions,
  type ResilientInit,
  resilientFetch,
} from "./resilient-fetch.ts";
export { parseRetryAfter } from "./retry-after.ts";
export { type ToResponseOptions, toResponse } from "./to-response.ts";
