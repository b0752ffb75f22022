export { defaultPolicy, readUpstreams, targetOf, type Upstream } from "./upstreams.ts";
