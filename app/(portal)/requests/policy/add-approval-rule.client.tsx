'use client'

import { Plus } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Checkbox, Input } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { roleLabel } from '#lib/auth/permissions.ts'
import { dataClasses, environments, sensitivities, tiers, toolClasses } from '#lib/registry/schema.ts'
import { approverRoles, remindPercentDefault } from '#lib/scopes/schema/approval-policy.ts'
import { addRule } from './actions.ts'
import { Choices } from './choices.client.tsx'
import { EscalationFields } from './escalation-fields.client.tsx'

const empty = {
  title: '',
  position: '100',
  classes: [] as string[],
  environments: [] as string[],
  sensitivities: [] as string[],
  tiers: [] as string[],
  dataClasses: [] as string[],
  first: ['security'] as string[],
  second: [] as string[],
  inOrder: true,
  daysMax: '',
  dueHours: '24',
  remindPercent: String(remindPercentDefault),
  next: [] as string[],
  nextTeam: '',
  afterHours: '24',
  times: '1',
  mayDecide: false,
}

/** Makes a rule of the approval policy. What is left open fits everything; without anybody to ask it grants at once. */
export function AddApprovalRule({
  whyNot,
  teams,
}: {
  whyNot: string | null
  teams: readonly { id: string; name: string }[]
}) {
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState(empty)
  const set = (changes: Partial<typeof empty>) => setDraft({ ...draft, ...changes })
  const { run, pending, failed, clear } = useAction(addRule, ({ waits }) => {
    toast.success(
      waits
        ? 'It makes approval easier, so it holds when somebody else confirms it.'
        : 'The rule holds for what is decided from now on.',
    )
    setOpen(false)
    setDraft(empty)
  })
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  const error = (field: string) => failed?.fields[field]?.[0]
  const submit = () => {
    const chosen = <Word extends string>(words: readonly Word[], from: readonly string[]) =>
      words.filter((word) => from.includes(word))
    run({
      title: draft.title,
      position: Number(draft.position),
      classes: chosen(toolClasses, draft.classes),
      environments: chosen(environments, draft.environments),
      sensitivities: chosen(sensitivities, draft.sensitivities),
      tiers: chosen(tiers, draft.tiers),
      dataClasses: chosen(dataClasses, draft.dataClasses),
      steps: [draft.first, draft.second]
        .filter((roles) => roles.length > 0)
        .map((roles) => chosen(approverRoles, roles)),
      inOrder: draft.inOrder,
      daysMax: draft.daysMax ? Number(draft.daysMax) : null,
      dueHours: Number(draft.dueHours),
      remindPercent: Number(draft.remindPercent),
      escalation:
        draft.next.length === 0 && draft.nextTeam === ''
          ? null
          : {
              roles: chosen(approverRoles, draft.next),
              teamId: draft.nextTeam || null,
              afterHours: Number(draft.afterHours),
              times: Number(draft.times),
              mayDecide: draft.mayDecide,
            },
    })
  }
  return (
    <>
      <ActionButton variant="primary" whyNot={whyNot} onClick={() => change(true)}>
        <Plus aria-hidden /> Add a rule
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title="Add a rule to the approval policy"
        description="What is left open fits everything. Of the rules that fit, the one with the smallest number holds."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            submit()
          }}
        >
          <div className="grid gap-4 sm:grid-cols-[minmax(0,1fr)_7rem]">
            <Field label="Title" required error={error('title')}>
              <Input value={draft.title} onChange={(event) => set({ title: event.target.value })} maxLength={120} />
            </Field>
            <Field label="Number" error={error('position')}>
              <Input
                type="number"
                min={1}
                max={1000}
                value={draft.position}
                onChange={(event) => set({ position: event.target.value })}
              />
            </Field>
          </div>
          <Choices
            label="Classes"
            words={toolClasses}
            chosen={draft.classes}
            onChange={(classes) => set({ classes })}
            error={error('classes')}
          />
          <Choices
            label="Environments"
            words={environments}
            chosen={draft.environments}
            onChange={(chosen) => set({ environments: chosen })}
          />
          <Choices
            label="Sensitivity"
            words={sensitivities}
            chosen={draft.sensitivities}
            onChange={(chosen) => set({ sensitivities: chosen })}
          />
          <Choices
            label="Kinds of data"
            words={dataClasses}
            chosen={draft.dataClasses}
            onChange={(chosen) => set({ dataClasses: chosen })}
            name={(word) => word.replaceAll('_', ' ')}
          />
          <Choices
            label="Risk tier of the agent"
            words={tiers}
            chosen={draft.tiers}
            onChange={(chosen) => set({ tiers: chosen })}
          />
          <Choices
            label="Asks one person with one of these roles"
            words={approverRoles}
            chosen={draft.first}
            onChange={(first) => set({ first })}
            name={roleLabel}
            error={error('steps')}
          />
          <Choices
            label="And a second person with one of these"
            words={approverRoles}
            chosen={draft.second}
            onChange={(second) => set({ second })}
            name={roleLabel}
          />
          {draft.second.length > 0 && (
            <label className="flex items-center gap-2 text-sm">
              <Checkbox checked={draft.inOrder} onChange={(event) => set({ inOrder: event.target.checked })} />
              The second one is asked when the first has approved
            </label>
          )}
          <div className="grid gap-4 sm:grid-cols-3">
            <Field label="Days at most" hint="Empty: as long as is asked." error={error('daysMax')}>
              <Input
                type="number"
                min={1}
                max={365}
                value={draft.daysMax}
                onChange={(event) => set({ daysMax: event.target.value })}
              />
            </Field>
            <Field label="Decided within, in hours" error={error('dueHours')}>
              <Input
                type="number"
                min={1}
                max={720}
                value={draft.dueHours}
                onChange={(event) => set({ dueHours: event.target.value })}
              />
            </Field>
            <Field label="Reminded after, in %" hint="Of that time." error={error('remindPercent')}>
              <Input
                type="number"
                min={10}
                max={95}
                value={draft.remindPercent}
                onChange={(event) => set({ remindPercent: event.target.value })}
              />
            </Field>
          </div>
          {draft.first.length > 0 && <EscalationFields draft={draft} onChange={set} teams={teams} error={error} />}
          {draft.first.length + draft.second.length === 0 && (
            <Notice kind="warn">
              Nobody is asked: what fits is granted at once, and recorded as granted by this rule.
            </Notice>
          )}
          <FormFooter failed={failed} onCancel={() => change(false)} pending={pending}>
            Add the rule
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
