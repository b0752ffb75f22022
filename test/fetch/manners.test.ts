import { identity } from "../../src/core/policy.ts";
import { resilientFetch } from "../../src/fetch/index.ts";
import { fetchManners } from "../contracts/fetch-manners.ts";

// Its waits between attempts are none, so that what fails for good fails soon.
fetchManners("resilientFetch", () => resilientFetch({ environment: { random: () => 0 } }));
fetchManners("resilientFetch without a policy", () => resilientFetch({ policy: identity }));
