export { type Group, type GroupOptions, group, groupOptions } from "./group.ts";
export type { MemberOptions, MemberState } from "./member.ts";
export type { UpstreamDeadline } from "./upstream-deadline.ts";
export type { UpstreamMember } from "./upstream-members.ts";
export type { UpstreamOrigin } from "./upstream-origin.ts";
export type { UpstreamPriority } from "./upstream-priority.ts";
export { defaultPolicy, readUpstreams, targetOf, type Upstream } from "./upstreams.ts";
