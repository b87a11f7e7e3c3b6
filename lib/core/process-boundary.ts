/** Who may share a process of a server over stdio with whom: everybody, one team, or one agent alone. */
export const processBoundaries = ['server', 'team', 'agent'] as const
export type ProcessBoundary = (typeof processBoundaries)[number]
