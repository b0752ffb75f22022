export { type Group, type GroupOptions, group, groupOptions } from "./group.ts";
export type { MemberOptions, MemberState } from "./member.ts";
export { defaultPolicy, readUpstreams, targetOf, type Upstream } from "./upstreams.ts";
