'use client'

import { Notice } from '#components/ui/notice.tsx'
import type { PolicyProblem } from '#lib/guardrails/schema/policy-sets.ts'

/** What is wrong with policies, and what is hardly meant; each leads to its place where there is an editor. */
export function ProblemList({
  problems,
  warnings,
  onOpen,
}: {
  problems: readonly PolicyProblem[]
  warnings: readonly PolicyProblem[]
  onOpen?: (problem: PolicyProblem) => void
}) {
  return (
    <>
      {problems.length > 0 && (
        <Notice
          kind="danger"
          title={problems.length === 1 ? 'One thing is wrong' : `${problems.length} things are wrong`}
        >
          <Problems problems={problems} onOpen={onOpen} />
        </Notice>
      )}
      {warnings.length > 0 && (
        <Notice kind="warn" title="Hardly meant">
          <Problems problems={warnings} onOpen={onOpen} />
        </Notice>
      )}
    </>
  )
}

function Problems({
  problems,
  onOpen,
}: {
  problems: readonly PolicyProblem[]
  onOpen: ((problem: PolicyProblem) => void) | undefined
}) {
  return (
    <ul className="space-y-1">
      {problems.map((problem) => {
        const { line, column, policyId, message, help } = problem
        const place = `Line ${line}, column ${column}`
        return (
          <li key={`${line} ${column} ${message}`}>
            {onOpen ? (
              <button type="button" className="underline underline-offset-2" onClick={() => onOpen(problem)}>
                {place}
              </button>
            ) : (
              place
            )}
            {policyId && <code className="text-xs"> {policyId}</code>}: {message} {help}
          </li>
        )
      })}
    </ul>
  )
}
