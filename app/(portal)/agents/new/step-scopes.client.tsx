'use client'

import { Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { capabilityHint, ScopeSelect } from '#components/scopes/scope-select.tsx'
import { LimitsFields } from '#components/scopes/limits-fields.client.tsx'
import { classOfTools, readToolNames, ToolNamesField } from '#components/scopes/tool-names-field.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Checkbox, Input, Select } from '#components/ui/input.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import type { TemplateScope } from '#lib/templates/schema.ts'
import { capabilityOf } from '#lib/registry/schema/capabilities.ts'
import { addScope, type ScopeDraft } from './draft.ts'
import type { StepProps } from './wizard.client.tsx'

/** What the agent may reach: the template's scopes, and others with a reason. What is not pre-approved becomes a request to security. */
export function ScopesStep({ choices, draft, change, problems }: StepProps) {
  const manifest = choices.templates.find(({ id }) => id === draft.templateId)?.manifest
  const offered = manifest?.scopes ?? []
  const isOffered = (scope: ScopeDraft) =>
    !scope.added &&
    scope.toolName === '' &&
    scope.limits.rate === '' &&
    scope.limits.conditions.length === 0 &&
    offered.some((other) => other.server === scope.serverId && other.class === scope.class)
  const set = (index: number, part: Partial<ScopeDraft>) =>
    change({ scopes: draft.scopes.map((scope, at) => (at === index ? { ...scope, ...part } : scope)) })
  const toggle = (scope: TemplateScope, on: boolean) =>
    change({
      scopes: on
        ? addScope(draft.scopes, { serverId: scope.server, class: scope.class, reason: scope.reason, added: false })
        : draft.scopes.filter(
            (other) => !isOffered(other) || other.serverId !== scope.server || other.class !== scope.class,
          ),
    })
  const asks = ({ server }: TemplateScope) =>
    choices.servers.find(({ id }) => id === server)?.readingAsks[draft.tier] ?? null
  const environment = (serverId: string) => choices.servers.find((server) => server.id === serverId)?.environment

  return (
    <div className="max-w-4xl space-y-6">
      <fieldset className="space-y-2">
        <legend className="mb-2 text-sm font-medium">Scopes of the template</legend>
        {offered.map((scope) => (
          <label
            key={`${scope.server}:${scope.class}`}
            className="flex items-start gap-3 rounded-md border bg-raised px-3 py-2.5 text-sm"
          >
            <Checkbox
              className="mt-0.5"
              aria-label={`${scope.server}: ${scope.class}`}
              checked={draft.scopes.some(
                (other) => isOffered(other) && other.serverId === scope.server && other.class === scope.class,
              )}
              disabled={scope.required}
              onChange={(event) => toggle(scope, event.target.checked)}
            />
            <span className="min-w-0 space-y-1">
              <span className="flex flex-wrap items-center gap-2">
                <ScopeBadge serverId={scope.server} toolClass={scope.class} environment={environment(scope.server)} />
                {scope.required && <Badge tone="outline">needed</Badge>}
                {scope.approval === 'auto' && asks(scope) === null ? (
                  <Badge tone="ok">pre-approved</Badge>
                ) : (
                  <Badge tone="held">needs approval</Badge>
                )}
              </span>
              <span className="block text-muted-foreground">{scope.reason}</span>
              {scope.approval === 'auto' && asks(scope) !== null && (
                <span className="block text-muted-foreground">
                  The template pre-approves it, but the approval policy asks a person: “{asks(scope)}”.
                </span>
              )}
            </span>
          </label>
        ))}
      </fieldset>
      <fieldset className="space-y-3">
        <legend className="mb-2 text-sm font-medium">Others, each with a reason; security decides</legend>
        {draft.scopes.map((scope, index) =>
          isOffered(scope) ? null : (
            <div
              key={scope.key}
              className="grid items-start gap-3 rounded-md border bg-raised p-3 sm:grid-cols-[10rem_9rem_minmax(0,1fr)_5.5rem_auto]"
            >
              <Field label="Server" error={problems[`scopes.${index}.serverId`]}>
                <Select value={scope.serverId} onChange={(event) => set(index, { serverId: event.target.value })}>
                  {choices.servers.map((server) => (
                    <option key={server.id} value={server.id}>
                      {server.name} ({server.environment})
                    </option>
                  ))}
                </Select>
              </Field>
              <Field label="Class" hint={readToolNames(scope.toolName).length > 0 ? classOfTools : undefined}>
                <ScopeSelect value={scope} onChange={(choice) => set(index, choice)} />
              </Field>
              <Field label="Reason" error={problems[`scopes.${index}.reason`]}>
                <Input
                  value={scope.reason}
                  onChange={(event) => set(index, { reason: event.target.value })}
                  maxLength={1000}
                />
              </Field>
              <Field label="Days" error={problems[`scopes.${index}.days`]}>
                <Input
                  inputMode="numeric"
                  value={scope.days}
                  onChange={(event) => set(index, { days: event.target.value.replace(/\D/g, '') })}
                  maxLength={3}
                />
              </Field>
              <Button
                variant="ghost"
                size="icon"
                className="sm:mt-6"
                aria-label={`Remove ${scope.serverId} ${scope.class}`}
                onClick={() => change({ scopes: draft.scopes.filter((_, at) => at !== index) })}
              >
                <Trash2 aria-hidden />
              </Button>
              <Field label="Ticket" error={problems[`scopes.${index}.ticket`]} className="sm:col-span-3">
                <Input
                  value={scope.ticket}
                  placeholder="optional: a number or a link"
                  onChange={(event) => set(index, { ticket: event.target.value })}
                  maxLength={300}
                />
              </Field>
              {capabilityOf(scope.toolName) ? (
                <p className="text-[13px] text-muted-foreground sm:col-span-full">{capabilityHint(scope.toolName)}</p>
              ) : (
                <Less scope={scope} onChange={(part) => set(index, part)} problems={problems} at={index} />
              )}
            </div>
          ),
        )}
        <Button
          onClick={() =>
            change({
              scopes: addScope(draft.scopes, {
                serverId: choices.servers[0]?.id ?? '',
                class: 'read',
                reason: '',
                added: true,
              }),
            })
          }
        >
          <Plus aria-hidden />
          Add a scope
        </Button>
      </fieldset>
    </div>
  )
}

/** Less than all tools of the class with any arguments. */
function Less({
  scope,
  onChange,
  problems,
  at,
}: {
  scope: ScopeDraft
  onChange: (part: Partial<ScopeDraft>) => void
  problems: StepProps['problems']
  at: number
}) {
  const of = (field: string) =>
    Object.entries(problems).find(([name]) => `${name}.`.startsWith(`scopes.${at}.${field}.`))?.[1]
  const limits = of('limits') ?? of('conditions') ?? of('rate')
  const isSet = scope.toolName !== '' || scope.limits.rate !== '' || scope.limits.conditions.length > 0
  // What is set is shown at first; whoever empties a field goes on typing in it.
  const [open, setOpen] = useState(isSet)
  return (
    <details className="sm:col-span-full" open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary className="text-sm font-medium">Only some tools, arguments or calls</summary>
      <div className="mt-3 grid gap-4 sm:grid-cols-2">
        <ToolNamesField
          value={scope.toolName}
          onChange={(toolName) => onChange({ toolName })}
          error={of('toolNames')}
        />
        <LimitsFields draft={scope.limits} onChange={(next) => onChange({ limits: next })} error={limits} />
      </div>
    </details>
  )
}
