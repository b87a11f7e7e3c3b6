'use client'

import { ParameterControl } from '#components/agents/parameter-control.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Textarea } from '#components/ui/input.tsx'
import type { StepProps } from './wizard.client.tsx'

/** The team's own layer: words added to the template's prompt, the template's parameters, when it runs. */
export function LogicStep({ choices, draft, change, problems }: StepProps) {
  const manifest = choices.templates.find(({ id }) => id === draft.templateId)?.manifest
  const parameters = Object.entries(manifest?.parameters ?? {})
  return (
    <div className="max-w-3xl space-y-5">
      <Field
        label="Your instructions"
        hint="Added to the template’s prompt at its marked place. Leave it empty to run the template as it is."
        error={problems['layer.prompt']}
      >
        <Textarea
          value={draft.prompt}
          onChange={(event) => change({ prompt: event.target.value })}
          rows={6}
          maxLength={20_000}
        />
      </Field>
      {parameters.length > 0 && (
        <fieldset className="grid gap-5 sm:grid-cols-2">
          <legend className="mb-3 text-sm font-medium">Parameters of {manifest?.name}</legend>
          {parameters.map(([name, definition]) => (
            <Field
              key={name}
              label={definition.title}
              hint={definition.description}
              error={problems[`layer.parameters.${name}`] ?? problems[`parameters.${name}`]}
            >
              <ParameterControl
                definition={definition}
                value={draft.parameters[name] ?? definition.default}
                onChange={(value) => change({ parameters: { ...draft.parameters, [name]: value } })}
              />
            </Field>
          ))}
        </fieldset>
      )}
      <Field
        label="Schedule"
        hint={
          <>
            Five cron fields in UTC. Empty: only started by hand.{' '}
            {manifest?.suggestedSchedule && (
              <Button variant="link" onClick={() => change({ schedule: manifest.suggestedSchedule ?? '' })}>
                Use {manifest.suggestedSchedule}
              </Button>
            )}
          </>
        }
        error={problems['schedule']}
      >
        <Input
          value={draft.schedule}
          onChange={(event) => change({ schedule: event.target.value })}
          className="max-w-64 font-mono"
          autoComplete="off"
        />
      </Field>
    </div>
  )
}
