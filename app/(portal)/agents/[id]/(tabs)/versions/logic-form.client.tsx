'use client'

import { useState } from 'react'
import { ParameterControl } from '#components/agents/parameter-control.client.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Card } from '#components/ui/card.tsx'
import { Field } from '#components/ui/field.tsx'
import { Checkbox, Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import type { AgentLayer } from '#lib/registry/schema.ts'
import type { ParameterDefinition } from '#lib/templates/schema.ts'
import { changeLogic } from '../../actions.ts'

type Props = {
  agentId: string
  /** Of the agent as it is shown. */
  revision: string
  current: { version: number; templateVersion: string; layer: AgentLayer }
  template: { name: string; newest: string; parameters: Record<string, ParameterDefinition> }
  /** Begins with the move to the newest version of the template chosen. */
  move: boolean
  whyNot: string | null
}

/** The team's own layer, to be saved as the next version. Somebody else's version made meanwhile is not overwritten. */
export function LogicForm({ agentId, revision, current, template, move, whyNot }: Props) {
  const [prompt, setPrompt] = useState(current.layer.prompt)
  const [parameters, setParameters] = useState(current.layer.parameters)
  const [update, setUpdate] = useState(move)
  const { run, pending, failed } = useAction(changeLogic, ({ version }) => toast.success(`Version ${version} is made.`))
  const behind = template.newest !== current.templateVersion
  const error = (field: string) => failed?.fields[field]?.[0]
  const unplaced = failed && Object.keys(failed.fields).length === 0
  return (
    <Card
      title="Make a new version"
      description="Change what is yours: the instructions and the parameters. Guardrails are inherited."
    >
      <form
        id="new-version"
        className="grid scroll-mt-16 gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          run({
            agentId,
            revision,
            layer: { prompt, parameters },
            expectedVersion: current.version,
            ...(update ? { templateVersion: template.newest } : {}),
          })
        }}
      >
        <Field
          label="Your instructions"
          hint="Added to the template’s prompt."
          error={error('layer.prompt') ?? error('prompt')}
        >
          <Textarea
            value={prompt}
            onChange={(event) => setPrompt(event.target.value)}
            rows={8}
            maxLength={20_000}
            disabled={whyNot !== null}
          />
        </Field>
        {Object.entries(template.parameters).map(([name, definition]) => (
          <Field key={name} label={definition.title} hint={definition.description} error={error(`parameters.${name}`)}>
            <ParameterControl
              definition={definition}
              value={parameters[name] ?? definition.default}
              onChange={(value) => setParameters({ ...parameters, [name]: value })}
            />
          </Field>
        ))}
        {behind && (
          <label className="flex items-center gap-2">
            <Checkbox checked={update} onChange={(event) => setUpdate(event.target.checked)} /> Move to {template.name}{' '}
            {template.newest} (now {current.templateVersion})
          </label>
        )}
        {unplaced && (
          <Notice kind="danger" requestId={failed.requestId}>
            {failed.message}
          </Notice>
        )}
        <div>
          <ActionButton type="submit" variant="primary" whyNot={whyNot} pending={pending}>
            Save as version {current.version + 1}
          </ActionButton>
        </div>
      </form>
    </Card>
  )
}
