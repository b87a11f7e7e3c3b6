import type { Db } from '#lib/db/client.ts'
import type { PolicyWords } from '#lib/guardrails/schema/policy-sets.ts'

/** A policy with the words that must stand beside its code: `forbids('policy_reads', 'resource.class == "read"')`. */
export function forbids(id: string, when: string): string {
  return `${wordsBeside(id)}\nforbid (principal, action, resource) when { ${when} };`
}

export function permits(id: string, when: string): string {
  return `${wordsBeside(id)}\npermit (principal, action, resource) when { ${when} };`
}

export const permitsGranted = permits('permit_granted', 'principal in resource.openTo')

function wordsBeside(id: string): string {
  return `@id("${id}")\n@title("Title of ${id}")\n@explanation("Explanation of ${id}.")\n@remedy("Remedy of ${id}.")`
}

/** Puts policies in force without asking anybody and without looking at them; returns the number of their set. */
export async function enforcePolicies(
  db: Db,
  policies: string[],
  schemaText = '',
): Promise<{ number: number; version: string }> {
  const { _max } = await db.policySet.aggregate({ _max: { number: true } })
  const number = (_max.number ?? 0) + 1
  const version = crypto.randomUUID().replaceAll('-', '').slice(0, 16)
  const words = policies.flatMap((text): PolicyWords[] => {
    const id = /@id\("(\w+)"\)/.exec(text)?.[1]
    const said = { title: `Title of ${id}`, explanation: `Explanation of ${id}.`, remedy: `Remedy of ${id}.` }
    return id ? [{ id, effect: id.startsWith('permit') ? 'permit' : 'forbid', ...said }] : []
  })
  const who = { createdByName: 'Test', changedByName: 'Test', enforcedByName: 'Test' }
  await db.$transaction(async (tx) => {
    await tx.policySet.updateMany({
      where: { state: 'enforced' },
      data: { state: 'superseded', supersededAt: new Date() },
    })
    await tx.policySet.create({
      data: { number, state: 'enforced', version, policies, schemaText, words, note: 'A test.', origin: 'person', enforcedAt: new Date(), ...who }, // prettier-ignore
    })
  })
  return { number, version }
}
