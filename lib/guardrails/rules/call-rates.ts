/** Calls a second that all brokers together take of an agent and send a server that have no limit of their own. 0: no limit. */
export type BrokerRates = { readonly agent: number; readonly server: number }

/** So many seconds’ worth of calls go through at once, so that an agent may be quick now and then. */
export const burstSeconds = 4
