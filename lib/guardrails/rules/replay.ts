import type { ReplayFigures } from '../schema/replays.ts'
import type { SituationFacts } from '../schema/situations.ts'

/** Recorded decisions that are alike: the same situation, the same answer of the same policies, and in the same hour of the week if that counts. */
export type RecordedGroup = {
  /** Null: the record does not name any. */
  situation: string | null
  decision: 'allow' | 'deny' | 'stranger'
  /** What refused it. */
  rule: string | null
  /** Of the policies that decided. */
  version: string | null
  /** In UTC, 0 is Monday from 0:00; null: it does not count. */
  hour: number | null
  calls: number
  /** When the last of them was recorded. */
  lastAt: Date
}

/** Recorded calls that a set of policies decides otherwise than they were decided. */
export type Difference = {
  /** `blocked`: allowed then, refused by the set; `permitted`: refused then, allowed by the set. */
  kind: 'blocked' | 'permitted'
  situation: string
  agentId: string
  serverId: string
  tool: string
  /** The policy that would refuse it, or did. */
  rule: string
  /** Hours of the week in which it holds; empty: all. */
  hours: number[]
  calls: number
}

/** What a set answers about a situation at an hour of the week (null: it does not matter): the policy that refuses, or null. */
export type Verdict = (facts: SituationFacts, hour: number | null) => string | null

/** Collects groups of a situation as they are read, the same ones together. */
export class RecordedCalls {
  readonly #groups = new Map<string, RecordedGroup>()

  add(group: RecordedGroup): void {
    const key = `${group.decision}|${group.rule}|${group.version}|${group.hour}`
    const known = this.#groups.get(key)
    if (known) {
      known.calls += group.calls
      if (group.lastAt > known.lastAt) known.lastAt = group.lastAt
    } else this.#groups.set(key, { ...group })
  }

  all(): Iterable<RecordedGroup> {
    return this.#groups.values()
  }
}

/** Compares what was decided with what a set says, situation by situation: it adds up, and holds none of them. */
export class Comparison {
  readonly figures: Omit<ReplayFigures, 'blocked' | 'permitted' | 'against' | 'leftOut'> = {
    calls: 0,
    judged: 0,
    unjudged: 0,
    unjudgedUntil: null,
    untouched: 0,
    strangers: 0,
    otherRule: 0,
    unreproduced: 0,
    situations: 0,
  }
  readonly #version: string
  readonly #against = new Map<string, number>()
  readonly #sums: Record<Difference['kind'], Sum> = {
    blocked: { calls: 0, agents: new Set() },
    permitted: { calls: 0, agents: new Set() },
  }

  /** `state`: what another one has added up before. */
  constructor(version: string, state: ComparisonState | null = null) {
    this.#version = version
    if (!state) return
    Object.assign(this.figures, state.figures)
    for (const [each, calls] of state.against) this.#against.set(each, calls)
    for (const kind of ['blocked', 'permitted'] as const) {
      this.#sums[kind] = { calls: state[kind].calls, agents: new Set(state[kind].agents) }
    }
  }

  /** What it has added up, for another one to go on with. */
  state(): ComparisonState {
    const sum = ({ calls, agents }: Sum) => ({ calls, agents: [...agents] })
    const { blocked, permitted } = this.#sums
    return {
      figures: { ...this.figures },
      against: [...this.#against],
      blocked: sum(blocked),
      permitted: sum(permitted),
    }
  }

  /** What names no situation, or one that is not known: counted, never guessed. */
  addUnnamed({ decision, rule, calls, lastAt }: RecordedGroup): void {
    const { figures } = this
    if (decision === 'stranger') {
      figures.strangers += calls
      return
    }
    figures.calls += calls
    if (decision === 'allow' || isPolicyRule(rule)) {
      figures.unjudged += calls
      const until = lastAt.toISOString()
      if (figures.unjudgedUntil === null || until > figures.unjudgedUntil) figures.unjudgedUntil = until
    } else figures.untouched += calls
  }

  /** All that is recorded of a situation, and what of it differs. */
  addSituation(
    situation: string,
    about: { facts: SituationFacts; groups: Iterable<RecordedGroup>; verdict: Verdict },
  ): Difference[] {
    const { facts, groups, verdict } = about
    const differences: Difference[] = []
    const answers = new Map<number | null, string | null>()
    this.figures.situations += 1
    for (const group of groups) {
      let rule = answers.get(group.hour)
      if (rule === undefined) answers.set(group.hour, (rule = verdict(facts, group.hour)))
      this.#compare({ group, rule, situation, facts, differences })
    }
    return differences
  }

  #compare(about: Compared): void {
    const { figures } = this
    const { group, rule } = about
    const { calls, version } = group
    figures.calls += calls
    figures.judged += calls
    if (version !== null) this.#against.set(version, (this.#against.get(version) ?? 0) + calls)
    const was = group.decision === 'allow' ? null : group.rule
    if (was === rule) return
    if (version === this.#version) figures.unreproduced += calls
    if (was === null && rule !== null) this.#differ('blocked', rule, about)
    else if (was !== null && rule === null) this.#differ('permitted', was, about)
    else figures.otherRule += calls
  }

  #differ(kind: Difference['kind'], rule: string, { group, situation, facts, differences }: Compared): void {
    const { agent, server, tool } = facts
    const { calls, hour } = group
    const sum = this.#sums[kind]
    sum.calls += calls
    sum.agents.add(agent.id)
    let difference = differences.find((known) => known.kind === kind && known.rule === rule)
    if (!difference) {
      difference = {
        kind,
        situation,
        agentId: agent.id,
        serverId: server.id,
        tool: tool.name,
        rule,
        hours: [],
        calls: 0,
      }
      differences.push(difference)
    }
    difference.calls += calls
    if (hour !== null && !difference.hours.includes(hour)) difference.hours.push(hour)
  }

  result(): Omit<ReplayFigures, 'leftOut'> {
    const sum = ({ calls, agents }: Sum) => ({ calls, agents: agents.size })
    const against = [...this.#against]
      .map(([version, calls]) => ({ version, calls }))
      .toSorted((a, b) => b.calls - a.calls)
    const { blocked, permitted } = this.#sums
    return { ...this.figures, blocked: sum(blocked), permitted: sum(permitted), against }
  }
}

export type ComparisonState = {
  figures: Comparison['figures']
  against: [version: string, calls: number][]
  blocked: { calls: number; agents: string[] }
  permitted: { calls: number; agents: string[] }
}
type Sum = { calls: number; agents: Set<string> }
type Compared = {
  group: RecordedGroup
  rule: string | null
  situation: string
  facts: SituationFacts
  /** Those of the situation so far. */
  differences: Difference[]
}

/** Ids of central policies, and of what stands for them, begin alike. */
export function isPolicyRule(rule: string | null): boolean {
  return rule?.startsWith('policy_') ?? false
}
