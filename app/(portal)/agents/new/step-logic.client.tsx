'use client'

import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select, Textarea } from '#components/ui/input.tsx'
import type { ParameterDefinition, ParameterValue } from '#lib/templates/schema.ts'
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

type ControlProps = {
  definition: ParameterDefinition
  value: ParameterValue
  onChange: (value: ParameterValue) => void
}

// The props that Field adds (id, aria) come in `rest` and go to the control itself.
function ParameterControl({ definition, value, onChange, ...rest }: ControlProps) {
  if (definition.type === 'boolean') {
    return (
      <Select {...rest} value={String(value)} onChange={(event) => onChange(event.target.value === 'true')}>
        <option value="false">no</option>
        <option value="true">yes</option>
      </Select>
    )
  }
  if (definition.type === 'string') {
    if (!definition.enum)
      return (
        <Input
          {...rest}
          value={String(value)}
          maxLength={definition.maxLength}
          onChange={(event) => onChange(event.target.value)}
        />
      )
    return (
      <Select {...rest} value={String(value)} onChange={(event) => onChange(event.target.value)}>
        {definition.enum.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </Select>
    )
  }
  return (
    <Input
      {...rest}
      type="number"
      value={String(value)}
      min={definition.minimum}
      max={definition.maximum}
      step={definition.type === 'integer' ? 1 : 'any'}
      onChange={(event) => onChange(event.target.value === '' ? definition.default : Number(event.target.value))}
    />
  )
}
