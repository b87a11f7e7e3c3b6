'use client'

import { Pencil } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input, Select, Textarea } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { tierWords } from '#components/agents/tier-words.ts'
import { type Tier, tiers } from '#lib/registry/schema.ts'
import { update } from '../actions.ts'

type Entry = {
  name: string
  purpose: string
  ownerTeamId: string
  accountablePersonId: string
  tier: Tier
  /** In dollars; empty: the organization's default. */
  budget: string
}
type Choice = { id: string; name: string }
type Props = {
  agentId: string
  /** Of the agent as it is shown. */
  revision: string
  initial: Entry
  teams: readonly Choice[]
  people: readonly Choice[]
  /** Why nothing can be changed here. */
  whyNot: string | null
  /** Why only the tier can. */
  whyOnlyTier: string | null
  /** Why the tier cannot. */
  whyNotTier: string | null
}

/** Changes facts of the registry entry: only what differs is sent. */
export function EditButton(props: Props) {
  const { agentId, revision, initial, teams, people, whyNot, whyOnlyTier, whyNotTier } = props
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState(initial)
  const set = (changes: Partial<Entry>) => setDraft({ ...draft, ...changes })
  const { run, pending, failed, clear } = useAction(update, () => {
    toast.success('The registry entry is changed.')
    setOpen(false)
  })
  const change = (next: boolean) => {
    setOpen(next)
    if (next) setDraft(initial)
    clear()
  }
  const budget = draft.budget.trim()
  const wrongBudget = budget !== '' && !(Number(budget) >= 0)
  const changed = (Object.keys(initial) as (keyof Entry)[]).some((key) => draft[key].trim() !== initial[key])
  const submit = () => {
    const differs = (key: keyof Entry) => (draft[key].trim() === initial[key] ? {} : { [key]: draft[key].trim() })
    run({
      agentId,
      revision,
      ...differs('name'),
      ...differs('purpose'),
      ...differs('ownerTeamId'),
      ...differs('accountablePersonId'),
      ...(draft.tier === initial.tier ? {} : { tier: draft.tier }),
      ...(budget === initial.budget
        ? {}
        : { monthlyBudgetMicros: budget === '' ? null : String(Math.round(Number(budget) * 1e6)) }),
    })
  }
  const error = (field: string) => failed?.fields[field]?.[0]
  const onlyTier = whyOnlyTier !== null
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} onClick={() => change(true)}>
        <Pencil aria-hidden /> Edit
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Edit the registry entry of ${initial.name}`}
        description={whyOnlyTier ?? 'Every change is recorded with what was there before. Its id and template stay.'}
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            if (changed && !wrongBudget) submit()
          }}
        >
          <Field label="Name" error={error('name')}>
            <Input
              value={draft.name}
              onChange={(event) => set({ name: event.target.value })}
              maxLength={100}
              disabled={onlyTier}
            />
          </Field>
          <Field label="Purpose" error={error('purpose')}>
            <Textarea
              value={draft.purpose}
              onChange={(event) => set({ purpose: event.target.value })}
              rows={2}
              maxLength={500}
              disabled={onlyTier}
            />
          </Field>
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="Owner team" error={error('ownerTeamId')}>
              <Select
                value={draft.ownerTeamId}
                onChange={(event) => set({ ownerTeamId: event.target.value })}
                disabled={onlyTier}
              >
                {teams.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </Select>
            </Field>
            <Field label="Accountable person" error={error('accountablePersonId')}>
              <Select
                value={draft.accountablePersonId}
                onChange={(event) => set({ accountablePersonId: event.target.value })}
                disabled={onlyTier}
              >
                {people.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </Select>
            </Field>
          </div>
          <Field
            label="Risk tier"
            hint={whyNotTier ?? 'Which rules hold and how often it is reviewed follow from it.'}
            error={error('tier')}
          >
            <Select
              value={draft.tier}
              onChange={(event) => set({ tier: tiers.find((tier) => tier === event.target.value) ?? draft.tier })}
              disabled={whyNotTier !== null}
            >
              {tiers.map((tier) => (
                <option key={tier} value={tier}>
                  {tierWords[tier]}
                </option>
              ))}
            </Select>
          </Field>
          <Field
            label="Monthly budget in dollars"
            hint="Empty: the organization’s default. No run starts above it."
            error={wrongBudget ? 'Give an amount in dollars, such as 50.' : error('monthlyBudgetMicros')}
          >
            <Input
              inputMode="decimal"
              value={draft.budget}
              onChange={(event) => set({ budget: event.target.value })}
              disabled={onlyTier}
            />
          </Field>
          <FormFooter
            failed={failed}
            onCancel={() => change(false)}
            pending={pending}
            disabled={!changed || wrongBudget}
          >
            Save changes
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
