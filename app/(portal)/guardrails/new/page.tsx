import type { Metadata } from 'next'
import { z } from 'zod'
import { Card } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { paths } from '#lib/core/paths.ts'
import { getPolicySet, policySetsInUse } from '#lib/guardrails/queries.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { parseSearch, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { PolicyEditor } from '../policy-editor.client.tsx'

export const metadata: Metadata = { title: 'New draft of the policies' }

const search = z.object({ from: z.coerce.number().int().min(1).optional() })

/** A new draft begins with the text of the set in force, or of the one it is made from. */
export default async function NewPolicySetPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const { from } = await parseSearch(search, searchParams)
  const start = from ?? (await policySetsInUse(ctx)).enforced
  const set = start === null ? null : await getPolicySet(ctx, start)
  const problem = whyNot(ctx.actor, 'policies:manage')
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.guardrails(), label: 'Guardrails' }]}
        title="New draft of the policies"
        description={
          set
            ? `It begins with the text of policy set ${set.number}. A draft decides nothing.`
            : 'A draft decides nothing.'
        }
      />
      {problem ? (
        <Notice title="You cannot change policies">{problem}</Notice>
      ) : (
        <Card>
          <PolicyEditor
            draft={{ number: null, text: set?.text ?? '', note: '', version: null, basedOn: start }}
            warnings={[]}
          />
        </Card>
      )}
    </>
  )
}
