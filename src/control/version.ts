/** The version of this package, which is also that of the Worker that runs it. */
export const version = "0.1.0";

/** The version of the REST API: clients of another one may not understand it. */
export const apiVersion = "1";
