'use client'

import { ClipboardCheck } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { plural } from '#components/ui/count.ts'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { paths } from '#lib/core/paths.ts'
import type { ReviewDecision } from '#lib/lifecycle/schema/reviews.ts'
import { start } from '#app/(portal)/reviews/actions.ts'

const ends = {
  keep: 'stays as it is',
  narrow: 'is narrowed or revoked as proposed',
  revoke: 'is revoked',
} as const satisfies Record<ReviewDecision, string>

const noViews: readonly string[] = []

/** Starts a campaign: over grants that were chosen, or over the agents of a query or of a saved view. */
export function StartReview({
  grantIds,
  views = noViews,
  whyNot,
}: {
  /** Left out: a query is asked for. */
  grantIds?: readonly string[]
  /** Names of saved views whose query may be taken. */
  views?: readonly string[]
  whyNot: string | null
}) {
  const router = useRouter()
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState({
    title: '',
    view: '',
    query: '',
    dueDays: '14',
    atEnd: 'keep' as ReviewDecision,
    days: '90',
  })
  const set = (changes: Partial<typeof draft>) => setDraft({ ...draft, ...changes })
  const { run, pending, failed, clear } = useAction(start, ({ campaignId }) => router.push(paths.review(campaignId)))
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  const error = (field: string) => failed?.fields[field]?.[0]
  return (
    <>
      <ActionButton size="sm" variant="primary" whyNot={whyNot} onClick={() => change(true)}>
        <ClipboardCheck aria-hidden /> Start a campaign
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title="Start a campaign"
        description={
          grantIds
            ? `Whoever answers for the agents decides about ${plural(grantIds.length, 'grant')}: keep, narrow or revoke.`
            : 'Whoever answers for the agents decides about each of their grants: keep, narrow or revoke.'
        }
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            run({
              title: draft.title,
              ...(grantIds ? { grantIds: [...grantIds] } : draft.view ? { view: draft.view } : { query: draft.query }),
              dueDays: Number(draft.dueDays),
              atEnd: draft.atEnd,
              days: Number(draft.days),
            })
          }}
        >
          <Field label="Title" required error={error('title')}>
            <Input value={draft.title} onChange={(event) => set({ title: event.target.value })} maxLength={120} />
          </Field>
          {!grantIds && views.length > 0 && (
            <Field label="Saved view" hint="Its query as it is now." error={error('view')}>
              <Select value={draft.view} onChange={(event) => set({ view: event.target.value })}>
                <option value="">None: a query of its own</option>
                {views.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </Select>
            </Field>
          )}
          {!grantIds && !draft.view && (
            <Field
              label="Agents"
              hint="A query as in the catalog, such as can:write env:production. Empty: every agent."
              error={error('query')}
            >
              <Input
                value={draft.query}
                onChange={(event) => set({ query: event.target.value })}
                className="font-mono"
                autoComplete="off"
              />
            </Field>
          )}
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="Days to answer" error={error('dueDays')}>
              <Input
                type="number"
                min={1}
                max={180}
                value={draft.dueDays}
                onChange={(event) => set({ dueDays: event.target.value })}
              />
            </Field>
            <Field label="Calls of the last days" error={error('days')}>
              <Input
                type="number"
                min={7}
                max={400}
                value={draft.days}
                onChange={(event) => set({ days: event.target.value })}
              />
            </Field>
          </div>
          <Field label="What nobody answers" error={error('atEnd')}>
            <Select value={draft.atEnd} onChange={(event) => set({ atEnd: event.target.value as ReviewDecision })}>
              {Object.entries(ends).map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          </Field>
          <FormFooter failed={failed} always onCancel={() => change(false)} pending={pending}>
            Start it
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
