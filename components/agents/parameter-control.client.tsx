'use client'

import { Input, Select } from '#components/ui/input.tsx'
import type { ParameterDefinition, ParameterValue } from '#lib/templates/schema.ts'

type ControlProps = {
  definition: ParameterDefinition
  value: ParameterValue
  onChange: (value: ParameterValue) => void
}

/** The control that fits a template's parameter. The props that Field adds (id, aria) come in `rest` and go to the control itself. */
export function ParameterControl({ definition, value, onChange, ...rest }: ControlProps) {
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
