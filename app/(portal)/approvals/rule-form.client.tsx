'use client'

import { Plus } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { Forecast } from '#components/approvals/forecast.client.tsx'
import { LimitsFields, readLimits } from '#components/scopes/limits-fields.client.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Checkbox, Input, Select } from '#components/ui/input.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { roleLabel } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import {
  deciderRoles,
  excludedDeciders,
  type HoldRuleView,
  type TimeoutAction,
} from '#lib/guardrails/schema/held-calls.ts'
import { type Environment, environments, type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import { excludedText } from './excluded-text.ts'
import type { RuleChange } from './rule-change.ts'
import { changedDraft, emptyDraft, type RuleDraft } from './rule-draft.ts'
import { createRule } from './actions.ts'

/** Makes a rule that holds calls, or one in the place of another. What is left open is not asked for; all that is set must hold. */
export function AddRuleButton({
  servers,
  whyNot,
  changed,
}: {
  servers: readonly { id: string; name: string }[]
  whyNot: string | null
  /** The rule whose place it takes, and what is to be another than there. */
  changed: { rule: HoldRuleView; change: RuleChange } | null
}) {
  const router = useRouter()
  const [open, setOpen] = useState(changed !== null && whyNot === null)
  const [draft, setDraft] = useState<RuleDraft>(() =>
    changed ? changedDraft(changed.rule, changed.change) : emptyDraft,
  )
  const set = (changes: Partial<RuleDraft>) => setDraft({ ...draft, ...changes })
  const limits = readLimits(draft.limits)
  const leave = () => {
    setOpen(false)
    // What the address says was done with.
    if (changed) router.replace(paths.approvals('rules'))
  }
  const { run, pending, failed, clear } = useAction(createRule, () => {
    toast.success('Such calls wait for a person from now on.')
    setDraft(emptyDraft)
    leave()
  })
  const change = (next: boolean) => {
    if (next) setOpen(true)
    else leave()
    clear()
  }
  const errors = (field: string) => failed?.fields[field]?.[0]
  const submit = () => {
    if (limits.problem !== null) return
    run({
      title: draft.title,
      serverId: draft.serverId || null,
      toolName: draft.toolName.trim() || null,
      class: (draft.class || null) as ToolClass | null,
      environment: (draft.environment || null) as Environment | null,
      conditions: limits.conditions,
      deciderRoles: draft.roles,
      excludedDeciders: draft.excluded,
      decideSeconds: Math.round(Number(draft.minutes) * 60),
      onTimeout: draft.onTimeout,
      ...(changed ? { replaces: changed.rule.id } : {}),
    })
  }
  return (
    <>
      <ActionButton size="sm" variant="primary" whyNot={whyNot} onClick={() => change(true)}>
        <Plus aria-hidden /> New rule
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={changed ? 'Change a rule' : 'Hold calls for a person'}
        description={
          changed
            ? 'The rule is asked behind the one it was made from, and takes its place when somebody else has confirmed the end of that one.'
            : 'Every call that fits waits until somebody decides. What is left open fits every call.'
        }
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            submit()
          }}
        >
          <Field
            label="Title"
            hint="Which calls, in a few words: approvers and agents read it."
            required
            error={errors('title')}
          >
            <Input value={draft.title} onChange={(event) => set({ title: event.target.value })} maxLength={200} />
          </Field>
          <Field label="MCP server" error={errors('serverId')}>
            <Select value={draft.serverId} onChange={(event) => set({ serverId: event.target.value })}>
              <option value="">Every server</option>
              {servers.map((server) => (
                <option key={server.id} value={server.id}>
                  {server.name}
                </option>
              ))}
            </Select>
          </Field>
          <Field label="Only this tool" error={errors('toolName')}>
            <Input
              value={draft.toolName}
              onChange={(event) => set({ toolName: event.target.value })}
              className="font-mono"
              autoComplete="off"
            />
          </Field>
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="Class" hint="This one and those above.">
              <Select value={draft.class} onChange={(event) => set({ class: event.target.value })}>
                <option value="">Any</option>
                {toolClasses.map((toolClass) => (
                  <option key={toolClass}>{toolClass}</option>
                ))}
              </Select>
            </Field>
            <Field label="Environment" hint="Of the server.">
              <Select value={draft.environment} onChange={(event) => set({ environment: event.target.value })}>
                <option value="">Any</option>
                {environments.map((environment) => (
                  <option key={environment}>{environment}</option>
                ))}
              </Select>
            </Field>
          </div>
          <LimitsFields
            draft={draft.limits}
            onChange={(next) => set({ limits: next })}
            error={limits.problem ?? errors('conditions')}
            withRate={false}
          />
          <Forecast
            scope={{
              serverId: draft.serverId || null,
              toolName: draft.toolName.trim() || null,
              class: (draft.class || null) as ToolClass | null,
              environment: (draft.environment || null) as Environment | null,
            }}
            conditional={limits.problem !== null || limits.conditions.length > 0}
          />
          <fieldset className="space-y-1.5">
            <legend className="text-sm font-medium">Who decides</legend>
            {deciderRoles.map((role) => (
              <label key={role} className="flex items-center gap-2 text-sm">
                <Checkbox
                  checked={draft.roles.includes(role)}
                  onChange={() => set({ roles: toggled(draft.roles, role) })}
                />
                {roleLabel(role)}
              </label>
            ))}
            {errors('deciderRoles') && <p className="text-[13px] text-danger">{errors('deciderRoles')}</p>}
          </fieldset>
          <fieldset className="space-y-1.5">
            <legend className="text-sm font-medium">Who does not, all the same</legend>
            {excludedDeciders.map((who) => (
              <label key={who} className="flex items-center gap-2 text-sm">
                <Checkbox
                  checked={draft.excluded.includes(who)}
                  onChange={() => set({ excluded: toggled(draft.excluded, who) })}
                />
                {excludedText(who)}
              </label>
            ))}
            <p className="text-[13px] text-muted-foreground">
              The first two never decide about what changes something.
            </p>
          </fieldset>
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="Minutes to decide" error={errors('decideSeconds')}>
              <Input
                inputMode="decimal"
                value={draft.minutes}
                onChange={(event) => set({ minutes: event.target.value })}
              />
            </Field>
            <Field label="If nobody decides" hint="Allow is for reading only." error={errors('onTimeout')}>
              <Select
                value={draft.onTimeout}
                onChange={(event) => set({ onTimeout: event.target.value as TimeoutAction })}
              >
                <option value="deny">refuse it</option>
                <option value="allow">allow it</option>
              </Select>
            </Field>
          </div>
          <FormFooter failed={failed} onCancel={() => change(false)} pending={pending}>
            Hold such calls
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}

function toggled<T>(chosen: readonly T[], one: T): T[] {
  return chosen.includes(one) ? chosen.filter((each) => each !== one) : [...chosen, one]
}
