import type { ComponentProps } from 'react'
import { Select } from '#components/ui/input.tsx'
import { type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import { capabilities, type Capability, capabilityOf, grantName } from '#lib/registry/schema/capabilities.ts'

/** What is asked for: a class of tools, or with `method:` in the place of a tool something besides them; `toolName` may be several, a name a line. */
export type ScopeChoice = { class: ToolClass; toolName: string }

const groups = [
  ['The server may', 'name'],
  ['Besides its tools', 'server'],
] as const

/** Chooses a class of tools, or what is granted besides tools; choosing one leaves the other. */
export function ScopeSelect({
  value,
  onChange,
  ...props
}: Omit<ComponentProps<'select'>, 'value' | 'onChange'> & {
  value: ScopeChoice
  onChange: (choice: ScopeChoice) => void
}) {
  const besides = capabilityOf(value.toolName)
  return (
    <Select
      {...props}
      value={besides ? value.toolName : value.class}
      onChange={({ target }) => {
        const toolClass = toolClasses.find((one) => one === target.value)
        if (toolClass) onChange({ class: toolClass, toolName: besides ? '' : value.toolName })
        else onChange({ class: 'read', toolName: target.value })
      }}
    >
      <optgroup label="Tools of a class">
        {toolClasses.map((toolClass) => (
          <option key={toolClass}>{toolClass}</option>
        ))}
      </optgroup>
      {groups.map(([label, grantedBy]) => (
        <optgroup key={label} label={label}>
          {capabilities
            .filter((one) => one.grantedBy === grantedBy)
            .map((one) => (
              <option key={one.name} value={grantName(one)}>
                {one.title}
              </option>
            ))}
        </optgroup>
      ))}
    </Select>
  )
}

/** What it means in plain words, with its class and its risk. */
export function capabilityHint(toolName: string): string | null {
  const one = capabilityOf(toolName)
  return one ? `${one.says} Class read, ${riskText(one)}` : null
}

/** `risk high: …` */
export function riskText({ risk, riskSays }: Pick<Capability, 'risk' | 'riskSays'>): string {
  return `risk ${risk}: ${riskSays}`
}
