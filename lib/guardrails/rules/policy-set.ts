import type { RuleId } from '../schema.ts'
import type { AgentFacts, GrantFacts, ServerFacts, ToolFacts } from './facts.ts'

/** What the central policies judge. `grants` are those in force that cover the tool: at least one. */
export type PolicyQuestion = {
  readonly agent: AgentFacts
  readonly server: ServerFacts
  readonly tool: ToolFacts
  readonly grants: readonly GrantFacts[]
  readonly simulated: boolean
  readonly breakGlass: boolean
}

/** The central policies, ready to judge. Null: permitted, to be seen and to be called alike. */
export type PolicySet = {
  /** Of their text: another text has another version. */
  readonly version: string
  judge(question: PolicyQuestion): RuleId | null
}
