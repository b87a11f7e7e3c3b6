/** Who may share a process of a server over stdio with whom: everybody, one team, or one agent alone. */
export const processBoundaries = ['server', 'team', 'agent'] as const
export type ProcessBoundary = (typeof processBoundaries)[number]

export const boundaryWords = {
  server: 'all agents share one process',
  team: 'one process for each team',
  agent: 'one process for each agent',
} as const satisfies Record<ProcessBoundary, string>
