import { compileConditions, type CompiledCondition, mayHold } from '#lib/registry/rules/conditions.ts'
import { covers } from '#lib/registry/rules.ts'
import type { HoldRuleFacts } from '../schema/held-calls.ts'
import type { BypassedHold } from '#lib/audit/events.ts'
import { excludedFrom } from './held-calls.ts'
import type { CallOrigin } from './behind.ts'
import { type BypassAside, bypassOf } from './hold-bypasses.ts'
import type { AgentFacts, PolicyView, ServerFacts, ToolCall, ToolFacts } from './facts.ts'

type Candidate = { readonly rule: HoldRuleFacts; readonly conditions: readonly CompiledCondition[] }

const none: readonly Candidate[] = []
const candidates = new WeakMap<readonly HoldRuleFacts[], WeakMap<ToolFacts, readonly Candidate[]>>()

/** The rule that holds a call, and those asked before it that would have held it and are bypassed; null: none. `aside`: why a bypass of the rule that holds lets it wait all the same. */
export type HoldDecision = { rule: HoldRuleFacts | null; bypassed: BypassedHold | null; aside: BypassAside | null }
const goesOn: HoldDecision = { rule: null, bypassed: null, aside: null }

/** What a call is, for the rules that hold it, besides who sends it with which arguments. */
export type HoldAbout = { agent: AgentFacts; server: ServerFacts; tool: ToolFacts; run: CallOrigin['run'] }
export type HeldOrNot = Pick<ToolCall, 'arguments'> & { caller: CallOrigin['caller'] }

/**
 * Whether a call waits for a person. The first rule of their order wins, a bypass lets through what its own rule holds and no other, and no call that its opener is behind. Which rules can concern a tool is worked
 * out once; without rules it is one comparison.
 */
export function holdFor(
  call: HeldOrNot,
  about: HoldAbout,
  { view, now }: { view: Pick<PolicyView, 'holdRules'>; now: Date },
): HoldDecision {
  const { server, tool } = about
  const { holdRules } = view
  if (!holdRules || holdRules.length === 0 || tool.isMethod) return goesOn
  const passed: BypassedRule[] = []
  for (const { rule, conditions } of candidatesFor(holdRules, server, tool)) {
    if (!conditions.every((condition) => mayHold(condition, call.arguments))) continue
    const { through, aside } = bypassOf(rule, { ...about, caller: call.caller }, now)
    if (!through) return { rule, bypassed: allOf(passed), aside }
    passed.push({ rule: rule.id, bypass: through.id })
  }
  return passed.length > 0 ? { ...goesOn, bypassed: allOf(passed) } : goesOn
}

/**
 * The rule that holds what an approver made of a call, when somebody else has to decide by it than by the one it was held by; null: the edit stands. Where
 * everybody may decide who could decide before, nobody else has to.
 */
export function otherHoldOf(
  edited: HeldOrNot,
  about: HoldAbout,
  at: { view: Pick<PolicyView, 'holdRules'>; now: Date },
  held: { deciderRoles: readonly string[]; excludedDeciders: readonly string[] },
): HoldRuleFacts | null {
  const { rule } = holdFor(edited, about, at)
  if (!rule) return null
  const excluded = excludedFrom(held.excludedDeciders, about.tool.class)
  const asksNoMore =
    held.deciderRoles.every((role) => rule.deciderRoles.includes(role)) &&
    excludedFrom(rule.excludedDeciders, about.tool.class).every((each) => excluded.includes(each))
  return asksNoMore ? null : rule
}

type BypassedRule = Omit<BypassedHold, 'also'>

function allOf([first, ...also]: readonly BypassedRule[]): BypassedHold | null {
  if (!first) return null
  return also.length > 0 ? { ...first, also } : first
}

function candidatesFor(rules: readonly HoldRuleFacts[], server: ServerFacts, tool: ToolFacts): readonly Candidate[] {
  let ofRules = candidates.get(rules)
  if (!ofRules) candidates.set(rules, (ofRules = new WeakMap()))
  let found = ofRules.get(tool)
  if (!found) {
    const concerning = rules.filter((rule) => concerns(rule, server, tool))
    found =
      concerning.length === 0
        ? none
        : concerning.map((rule) => ({ rule, conditions: compileConditions(rule.conditions) }))
    ofRules.set(tool, found)
  }
  return found
}

function concerns(rule: HoldRuleFacts, server: ServerFacts, tool: ToolFacts): boolean {
  return (
    (rule.serverId === null || rule.serverId === server.id) &&
    (rule.toolName === null || rule.toolName === tool.name) &&
    (rule.class === null || covers(tool.class, rule.class)) &&
    (rule.environment === null || rule.environment === server.environment)
  )
}
