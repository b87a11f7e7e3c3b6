// Parts of the details of calls.

/** What the central policies were asked, by its digest (`PolicySituation`), which set answered, and when if that was in another UTC hour than the row's. */
export type JudgedByPolicies = {
  situation?: string
  policyVersion?: string
  decidedAt?: string
  /** What the policy set in log-only would have decided instead: the rule that would refuse it, null where it would be allowed. */
  candidate?: { version: string; rule: string | null; unread?: true }
}

/** How a call ended that was allowed. */
export type CallOutcome =
  | 'ok'
  | 'tool_error'
  | 'upstream_error'
  | 'aborted'
  | 'asked'
  | 'input_required'
  | 'task'
  | 'cut_off'
  | 'streamed'

/** What a call of a tool with a price costs, in micro-dollars as text: the price of one call as it was then, and what is billed of it. Names as in FOCUS. */
type CallCost = { listUnitPriceMicros: string; billedCostMicros: string }

/** With why a call that was made was told as a refusal, when it was, and what mattered. */
export type EndOfCall = JudgedByPolicies &
  Partial<CallCost> &
  OfDemo & {
    message?: string
    step?: string | null
    facts?: Record<string, string | number | boolean | null>
    /** Of a call that a rule or its caller ended: whether it had left for its server by then, which may have carried it out. */
    sent?: boolean
  }

/** Set in the rows of the demo history: the decision was made, and nobody made the call. */
export type OfDemo = { demo?: true }

/** The step of deciding that refused or held, and the facts that mattered. */
export type ExplainedDenial = { step?: string | null; facts?: Record<string, string | number | boolean | null> }

/** How many recorded calls a replay judged, and what would have become of them. */
export type ReplaySums = { calls: number; judged: number; blocked: number; permitted: number }
