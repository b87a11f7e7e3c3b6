/** Calls a second that each broker takes of an agent and sends a server that have no limit of their own. 0: no limit. */
export type BrokerRates = { readonly agent: number; readonly server: number }

/** A broker lets through the calls of this many seconds at once, so that an agent may be quick now and then. */
export const burstSeconds = 4
