import type { AgentFacts, Caller, RunFacts } from './facts.ts'

/** What says who is behind a call. */
export type CallOrigin = {
  caller: Pick<Caller, 'credential' | 'drivenBy'>
  agent: Pick<AgentFacts, 'credentialIssuers' | 'writerIds'>
  run: Pick<RunFacts, 'startedById' | 'writerIds'> | null
}

/**
 * Who is behind a call: who started its run or set off what a process of ours started (its schedule, its first run), outside of runs who issued the credential it comes with, and besides whom its client acts for and who wrote the version that runs. null
 * among them: somebody is, and it is not known who.
 */
export function behindCall({ caller, agent, run }: CallOrigin): readonly (string | null)[] {
  const starter = run ? run.startedById : issuerOf(caller, agent)
  // Outside of runs a token is for the current version alone.
  const writers = (run ?? agent).writerIds ?? [null]
  return [starter, ...(caller.drivenBy ? [caller.drivenBy.personId] : []), ...writers]
}

function issuerOf({ credential }: CallOrigin['caller'], { credentialIssuers }: CallOrigin['agent']): string | null {
  if (credential === undefined || credentialIssuers === undefined) return null
  // The key that a token is bound to follows the name.
  const [clientId = ''] = credential.split(' ')
  return Object.hasOwn(credentialIssuers, clientId) ? (credentialIssuers[clientId] ?? null) : null
}
