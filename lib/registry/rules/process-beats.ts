/** The processes that say that they live. */
export type BeatingProcess = 'broker' | 'worker'

/** A process that has not said so for this long does not live: more than a busy machine keeps it from saying so. */
export const liveMs = 10_000
