import { createHash } from 'node:crypto'
import type { BrokeredServer, BrokeredTool } from './view/view.ts'

/** What the Messages API takes as the name of a tool. */
const lengthMax = 64
const hashLength = 16
const valid = /^[a-zA-Z0-9_-]+$/
/** Ends as a shortened name does: such a name is hashed too, so that none can pass for another's shortened one. */
const hashed = /_[0-9a-f]{16}$/

/**
 * The name of a server's tool on the merged endpoint: `{server}__{tool}`. Names that are too long or hold other characters than the
 * Messages API takes are cut and end in a hash of both; the same tool has the same name always. Server ids hold no underscore, so the
 * first `__` ends one.
 */
export function mergedName(serverId: string, tool: string): string {
  const name = `${serverId}__${tool}`
  if (name.length <= lengthMax && valid.test(name) && !hashed.test(name)) return name
  const hash = createHash('sha256').update(`${serverId}/${tool}`).digest('hex').slice(0, hashLength)
  return `${name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, lengthMax - hashLength - 1)}_${hash}`
}

/** Which tool of which server a merged name means. Null when it can mean none; an unknown tool of a known server is one to refuse by name. */
export function resolveMerged(
  servers: ReadonlyMap<string, BrokeredServer>,
  name: string,
): { serverId: string; tool: string } | null {
  const split = name.indexOf('__')
  const server = split > 0 ? servers.get(name.slice(0, split)) : undefined
  const tool = name.slice(split + 2)
  if (server?.tools.has(tool) && mergedName(server.id, tool) === name) return { serverId: server.id, tool }
  if (hashed.test(name)) {
    for (const candidate of servers.values()) {
      const found = shortened(candidate).get(name)
      if (found) return { serverId: candidate.id, tool: found.name }
    }
  }
  return server ? { serverId: server.id, tool } : null
}

const shortenedOf = new WeakMap<BrokeredServer, ReadonlyMap<string, BrokeredTool>>()

/** The tools of a server whose merged names are hashed, by that name. */
function shortened(server: BrokeredServer): ReadonlyMap<string, BrokeredTool> {
  let names = shortenedOf.get(server)
  if (!names) {
    const named = [...server.tools.values()].map((tool) => [mergedName(server.id, tool.name), tool] as const)
    shortenedOf.set(server, (names = new Map(named.filter(([name]) => hashed.test(name)))))
  }
  return names
}
