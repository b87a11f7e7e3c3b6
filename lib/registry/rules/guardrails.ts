import type { AccessDimension, AccessTable, PolicyReach } from '../schema/access-table.ts'

/** The facts of an agent and a tool, one text each. */
export type Asked = Readonly<Record<AccessDimension, string>>
/** Whom policies name. */
export type Names = { team: readonly string[]; template: readonly string[]; agent: readonly string[] }

type Compiled = {
  id: string
  looksAt: { dimension: AccessDimension; positions: ReadonlyMap<string, number> }[]
  applies: ReadonlySet<string>
  /** The servers it can apply to; null: any. */
  servers: ReadonlySet<string> | null
}

/** The enforced policies as the catalog knows them; where there are none everything is refused, as brokers do. */
export class Guardrails {
  readonly #forbids: readonly Compiled[]
  readonly #permits: readonly (readonly Compiled[])[]
  readonly #problem: string | null
  readonly #agents: ReadonlySet<string>
  /** What policies look at, with the values they tell apart: all else is the same to them. */
  readonly #lookedAt: ReadonlyMap<AccessDimension, ReadonlyMap<string, number>>
  readonly #known = new Map<string, string | null>()
  readonly #names = new Map<string, Names>()

  constructor(table: AccessTable | null) {
    this.#problem = table ? null : 'policy_error'
    this.#forbids = (table?.forbids ?? []).map(compile)
    this.#permits = table ? [table.permits.list.map(compile), table.permits.call.map(compile)] : []
    const lookedAt = [...this.#forbids, ...this.#permits.flat()].flatMap(({ looksAt }) => looksAt)
    const looked = new Map<AccessDimension, Map<string, number>>()
    for (const { dimension, positions } of lookedAt) {
      const values = looked.get(dimension) ?? new Map<string, number>()
      for (const value of positions.keys()) if (value !== '') values.set(value, values.get(value) ?? values.size)
      looked.set(dimension, values)
    }
    this.#lookedAt = looked
    this.#agents = new Set(
      lookedAt.flatMap(({ dimension, positions }) => (dimension === 'agent' ? [...positions.keys()] : [])),
    )
  }

  /** Whether it is known what the policies keep out of reach: where it is not, everything is. */
  get known(): boolean {
    return this.#problem === null
  }

  /** The policy that keeps the tool out of reach; null when none does. */
  whyNot(asked: Asked): string | null {
    if (this.#problem) return this.#problem
    let key = ''
    for (const [dimension, values] of this.#lookedAt) key += `${values.get(asked[dimension]) ?? ''},`
    let why = this.#known.get(key)
    if (why === undefined) this.#known.set(key, (why = this.#judge(asked)))
    return why
  }

  #judge(asked: Asked): string | null {
    for (const policy of this.#forbids) if (applies(policy, asked)) return policy.id
    const isPermitted = this.#permits.every((policies) => policies.some((policy) => applies(policy, asked)))
    return isPermitted ? null : 'policy_default_deny'
  }

  /** Whom the policies name that can apply to a server: everybody else they treat alike. */
  namesFor(serverId: string): Names {
    let names = this.#names.get(serverId)
    if (!names) this.#names.set(serverId, (names = this.#namesFor(serverId)))
    return names
  }

  namesAgent(agentId: string): boolean {
    return this.#agents.has(agentId)
  }

  #namesFor(serverId: string): Names {
    const found = { team: new Set<string>(), template: new Set<string>(), agent: new Set<string>() }
    for (const { looksAt, servers } of [...this.#forbids, ...this.#permits.flat()]) {
      if (servers && !servers.has(serverId)) continue
      for (const { dimension, positions } of looksAt) {
        if (dimension !== 'team' && dimension !== 'template' && dimension !== 'agent') continue
        for (const name of positions.keys()) if (name !== '') found[dimension].add(name)
      }
    }
    return { team: [...found.team], template: [...found.template], agent: [...found.agent] }
  }
}

function applies({ looksAt, applies: cells, servers }: Compiled, asked: Asked): boolean {
  if (servers && !servers.has(asked.server)) return false
  const at = looksAt.map(({ dimension, positions }) => positions.get(asked[dimension]) ?? positions.get('') ?? -1)
  return cells.has(at.join())
}

function compile({ id, looksAt, applies: cells }: PolicyReach): Compiled {
  const at = looksAt.findIndex(({ dimension }) => dimension === 'server')
  const named = at < 0 ? null : new Set(cells.map((cell) => looksAt[at]!.values[Number(cell.split(',')[at])]!))
  return {
    id,
    looksAt: looksAt.map(({ dimension, values }) => ({
      dimension,
      positions: new Map(values.map((value, position) => [value, position])),
    })),
    applies: new Set(cells),
    servers: named === null || named.has('') ? null : named,
  }
}
