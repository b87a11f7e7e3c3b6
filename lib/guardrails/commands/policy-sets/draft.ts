import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { CheckedPolicies } from '../../cedar/check.ts'
import { versionOf } from '../../cedar/policy-set.ts'
import { tryPolicies } from '../../cedar/try-policies.ts'
import { policySchema } from '../../queries/policy-source.ts'
import { warningsOf } from '../../queries/policy-warnings.ts'
import { policySetNotFound } from '../../rules/policy-set-errors.ts'
import { decidePolicySetMove, stillTheText } from '../../rules/policy-set-life.ts'
import {
  type DraftPolicySetInput,
  draftPolicySetInput,
  type PolicyProblem,
  type PolicySetRefusal,
} from '../../schema/policy-sets.ts'
import { lockPolicySet, lockPolicySets, policySetSubject } from './lock.ts'
import { refusedMove } from './refused.ts'

type Drafted = { number: number; version: string; changed: boolean; warnings: PolicyProblem[] }

/**
 * Saves a text of policies as a draft: a new one, or in the place of what a draft had. A set that was log-only is a draft again when its text changes. The same text once
 * more changes nothing. Needs `policies:manage`; throws `invalid` with every problem at its place when it does not type-check, `not_found` for an unknown set.
 */
export async function draftPolicySet(ctx: Ctx, input: DraftPolicySetInput): Promise<Result<Drafted, PolicySetRefusal>> {
  authorize(ctx, 'policies:manage')
  const person = requirePerson(ctx)
  const { number, text, note, version: seen, basedOn: from } = draftPolicySetInput.parse(input)
  const checked = await tryPolicies(text, policySchema)
  if (checked.problems.length > 0) throw invalidPolicies(checked.problems)
  const data = storedText(checked)
  return await inTx(ctx, async (tx, ctx) => {
    const warnings = await warningsOf(ctx, checked)
    if (number === null) {
      await lockPolicySets(tx)
      const { _max } = await tx.policySet.aggregate({ _max: { number: true } })
      const where = from === null ? ({ state: 'enforced' } as const) : { number: from }
      const origin = await tx.policySet.findFirst({ where, select: { number: true } })
      if (from !== null && !origin) throw policySetNotFound(from)
      const basedOn = origin?.number ?? null
      const made = (_max.number ?? 0) + 1
      await tx.policySet.create({
        data: {
          ...data,
          number: made,
          note,
          origin: 'person',
          basedOn,
          authorIds: [person.id],
          createdById: person.id,
          createdByName: person.name,
          createdAt: ctx.now,
          changedByName: person.name,
          changedAt: ctx.now,
        },
      })
      recordAudit(tx, ctx, {
        event: 'policy_set.drafted',
        subject: policySetSubject(made),
        detail: { number: made, version: data.version, basedOn, note },
      })
      return ok({ number: made, version: data.version, changed: true, warnings })
    }
    const { set, around } = await lockPolicySet(tx, { number, now: ctx.now })
    const decision = decidePolicySetMove(set, 'edit', { ...around, person: person.id })
    if (!decision.ok) return refusedMove(tx, ctx, { number, action: 'edit', decision })
    const same = stillTheText(seen, set.version)
    if (!same.ok) return refusedMove(tx, ctx, { number, action: 'edit', decision: same })
    const stored = await tx.policySet.findUniqueOrThrow({ where: { number }, select: { note: true } })
    if (data.version === set.version) {
      if (stored.note === note) return ok({ number, version: set.version, changed: false, warnings })
      await tx.policySet.update({ where: { number }, data: { note } })
    } else {
      const authorIds = [...new Set([...set.authorIds, person.id])]
      const tried = { state: 'draft', logOnlyAt: null, logOnlyEndedAt: null } as const
      const who = { authorIds, changedByName: person.name, changedAt: ctx.now }
      // First a draft: only a draft changes its text.
      await tx.policySet.update({ where: { number }, data: tried })
      await tx.policySet.update({ where: { number }, data: { ...data, note, ...who } })
    }
    recordAudit(tx, ctx, {
      event: 'policy_set.edited',
      subject: policySetSubject(number),
      detail: { number, before: set.version, version: data.version, wasLogOnly: set.state === 'log_only', note },
    })
    return ok({ number, version: data.version, changed: true, warnings })
  })
}

function storedText({ policies: parsed }: CheckedPolicies) {
  const policies = parsed.map(({ text }) => text)
  const version = versionOf({ schema: policySchema, policies })
  return { policies, version, schemaText: policySchema, words: parsed.map(({ words }) => words) }
}

/** The first problem in words, all of them as details. */
function invalidPolicies(problems: readonly PolicyProblem[]): DomainError {
  const [first] = problems
  const more = problems.length > 1 ? ` And ${problems.length - 1} more.` : ''
  const where = `Line ${first!.line}, column ${first!.column}${first!.policyId ? ` (${first!.policyId})` : ''}`
  const message = `${where}: ${first!.message}${first!.help ? ` ${first!.help}` : ''}${more}`
  return new DomainError('invalid', message, { field: 'text', rule: 'policies:invalid', line: first!.line, problems })
}
