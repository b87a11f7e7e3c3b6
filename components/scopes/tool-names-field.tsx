import { Field } from '#components/ui/field.tsx'
import { Textarea } from '#components/ui/input.tsx'

/** Names of tools as they are typed: one a line, each once. */
export function readToolNames(text: string): string[] {
  return [...new Set(text.split('\n').map((line) => line.trim()))].filter((line) => line !== '')
}

/** In the place of a class, where tools are named. */
export const classOfTools = 'Of tools that are named it is what they need, whatever is chosen here.'

/** Which tools of the class are meant, by name. */
export function ToolNamesField({
  value,
  onChange,
  error,
  className,
}: {
  value: string
  onChange: (text: string) => void
  error?: string | undefined
  className?: string
}) {
  return (
    <Field
      label="Only these tools"
      hint="A name a line; empty for every tool of the class. Each becomes a grant of its own."
      error={error}
      className={className}
    >
      <Textarea
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="font-mono"
        autoComplete="off"
        spellCheck={false}
        rows={2}
      />
    </Field>
  )
}
