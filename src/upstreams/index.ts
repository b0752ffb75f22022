export { type Registered, type RegisteredUntil, Registry } from "../state/registry.ts";
export { type DiscoveredGroupOptions, discoveredGroup, discoveredGroupOptions } from "./discovered-group.ts";
export {
  allowedBy,
  type Discovery,
  DiscoveryError,
  type Endpoint,
  type Endpoints,
  registeredEndpoint,
} from "./discovery.ts";
export { type DnsDiscoveryOptions, dnsDiscovery } from "./dns-discovery.ts";
export { type Group, type GroupOptions, group, groupOptions } from "./group.ts";
export type { GroupSnapshot, MemberSnapshot } from "./group-snapshot.ts";
export type { MemberOptions, MemberState } from "./member.ts";
export {
  foundIn,
  type Registration,
  type RegistrationOptions,
  type RegistryDiscoveryOptions,
  type RegistryOptions,
  registration,
  registryDiscovery,
} from "./registry-discovery.ts";
export { staticDiscovery } from "./static-discovery.ts";
export type { UpstreamCheck } from "./upstream-check.ts";
export type { UpstreamDeadline } from "./upstream-deadline.ts";
export type { UpstreamDiscover } from "./upstream-discover.ts";
export type { UpstreamGroup } from "./upstream-group.ts";
export type { UpstreamMember } from "./upstream-members.ts";
export type { UpstreamOrigin } from "./upstream-origin.ts";
export type { UpstreamPriority } from "./upstream-priority.ts";
export { routeTest, type UpstreamRoute } from "./upstream-routes.ts";
export {
  changedSettings,
  readSettings,
  settingNames,
  type UpstreamSettings,
  withSettings,
} from "./upstream-settings.ts";
export { defaultPolicy, pathAt, readUpstreams, targetOf, type Upstream } from "./upstreams.ts";
