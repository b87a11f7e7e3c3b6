'use client'

import { tierWords } from '#components/agents/tier-words.ts'
import { Field } from '#components/ui/field.tsx'
import { Input, Select, Textarea } from '#components/ui/input.tsx'
import { type Tier, tiers } from '#lib/registry/schema.ts'
import { draftId } from './draft.ts'
import type { StepProps } from './wizard.client.tsx'

export function AboutStep({ choices, draft, change, problems }: StepProps) {
  const inTeam = choices.people.filter((person) => person.teamIds.includes(draft.ownerTeamId))
  const others = choices.people.filter((person) => !person.teamIds.includes(draft.ownerTeamId))
  return (
    <div className="grid max-w-3xl gap-5 sm:grid-cols-2">
      <Field label="Name" required error={problems['name']}>
        <Input
          value={draft.name}
          onChange={(event) => change({ name: event.target.value })}
          maxLength={100}
          autoComplete="off"
        />
      </Field>
      <Field label="Id" required hint="In URLs, tokens and YAML; it cannot be changed later." error={problems['id']}>
        <Input
          value={draftId(draft)}
          onChange={(event) => change({ id: event.target.value })}
          maxLength={63}
          autoComplete="off"
          spellCheck={false}
          className="font-mono"
        />
      </Field>
      <Field
        label="Purpose"
        required
        hint="One sentence that security and finance will read."
        error={problems['purpose']}
        className="sm:col-span-2"
      >
        <Textarea
          value={draft.purpose}
          onChange={(event) => change({ purpose: event.target.value })}
          rows={2}
          maxLength={500}
        />
      </Field>
      <Field label="Owner team" required error={problems['ownerTeamId']}>
        <Select value={draft.ownerTeamId} onChange={(event) => change({ ownerTeamId: event.target.value })}>
          <option value="">Choose a team</option>
          {choices.teams.map((team) => (
            <option key={team.id} value={team.id}>
              {team.name}
              {team.costCenter && ` · ${team.costCenter}`}
            </option>
          ))}
        </Select>
      </Field>
      <Field label="Accountable person" required error={problems['accountablePersonId']}>
        <Select
          value={draft.accountablePersonId}
          onChange={(event) => change({ accountablePersonId: event.target.value })}
        >
          {inTeam.length > 0 && (
            <optgroup label="In the team">
              {inTeam.map((person) => (
                <option key={person.id} value={person.id}>
                  {person.name}
                </option>
              ))}
            </optgroup>
          )}
          <optgroup label="Others">
            {others.map((person) => (
              <option key={person.id} value={person.id}>
                {person.name}
              </option>
            ))}
          </optgroup>
        </Select>
      </Field>
      <Field label="Risk tier" required hint="How often it is reviewed follows from it." error={problems['tier']}>
        <Select value={draft.tier} onChange={(event) => change({ tier: event.target.value as Tier })}>
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
        error={problems['monthlyBudgetMicros']}
      >
        <Input inputMode="decimal" value={draft.budget} onChange={(event) => change({ budget: event.target.value })} />
      </Field>
    </div>
  )
}
