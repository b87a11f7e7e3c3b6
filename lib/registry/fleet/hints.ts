import { capabilities, grantName } from '../schema/capabilities.ts'
import type { AgentQuery, QueryNode, Term } from '../query/ast.ts'
import { nearest } from '../query/nearest.ts'
import type { FleetIndex } from './fleet-index.ts'

/** Something named in a query that does not exist: it matches nothing, and is probably misspelt. */
export type Hint = { key: string; value: string; message: string; suggestion: string | null }

/** What a query names that is not there. */
export function hintsFor(index: FleetIndex, query: AgentQuery): Hint[] {
  return termsOf(query).flatMap((term) => {
    const known = knownNames(index, term.key)
    if (!known) return []
    return term.values.flatMap((value) => {
      const name = value.is === 'text' ? value.text : value.is === 'version' ? value.template : null
      if (name === null || known.has(name)) return []
      const suggestion = nearest(name, known)
      const mean = suggestion ? ` Did you mean "${suggestion}"?` : ''
      return [{ key: term.key, value: name, message: `${term.key}: knows no "${name}".${mean}`, suggestion }]
    })
  })
}

function termsOf(node: QueryNode): Term[] {
  if (node.kind === 'term') return [node]
  if (node.kind === 'not') return termsOf(node.item)
  return node.kind === 'word' ? [] : node.items.flatMap(termsOf)
}

/** Ids and names, in lower case; null for keys whose values are no names. */
function knownNames(index: FleetIndex, key: Term['key']): Set<string> | null {
  const { teams, servers, templates, people } = index.facts
  switch (key) {
    case 'owner':
      return named(teams.values())
    case 'server':
      return named(servers.values())
    case 'tool':
      return new Set(
        [...servers.values()].flatMap(({ id, tools }) =>
          [...tools.map(({ name }) => name), ...capabilities.map(grantName)].flatMap((name) => [
            name.toLowerCase(),
            `${id}/${name.toLowerCase()}`,
          ]),
        ),
      )
    case 'template':
      return new Set(templates.keys())
    case 'sponsor':
      return new Set([
        'none',
        ...[...people.values()].flatMap(({ id, name, email }) => [id, name.toLowerCase(), email.toLowerCase()]),
      ])
    default:
      return null
  }
}

function named(items: Iterable<{ id: string; name: string }>): Set<string> {
  return new Set([...items].flatMap(({ id, name }) => [id, name.toLowerCase()]))
}
