/** Characters of the longest name of a policy: an upstream's and a route's of 63 each with a dot between them, and some room. */
export const longestName = 150;
