import { AgentField } from '#components/shell/agent-field.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Checkbox, Input, Select, Textarea } from '#components/ui/input.tsx'
import { triggerWords } from '#components/runs/run-columns.tsx'
import { paths } from '#lib/core/paths.ts'
import { runTriggers } from '#lib/guardrails/schema/explanation.ts'

export type SimulateDraft = {
  agent?: string | undefined
  server?: string | undefined
  tool?: string | undefined
  args?: string | undefined
  at?: string | undefined
  run?: (typeof runTriggers)[number] | undefined
  behind?: string | undefined
  scripted?: '1' | undefined
  policySet?: number | undefined
}

/** A call in a form that its address carries: it can be linked to. */
export function SimulateForm({
  draft,
  servers,
  tools,
  people,
}: {
  draft: SimulateDraft
  servers: readonly { id: string; name: string }[]
  tools: readonly string[]
  people: readonly { id: string; name: string }[]
}) {
  const { behind } = draft
  const named = behind && !people.some(({ id }) => id === behind) ? [...people, { id: behind, name: behind }] : people
  return (
    <form action={`${paths.simulate()}#answer`} method="get" aria-label="The call" className="grid gap-4">
      <Field label="Agent" required>
        <AgentField name="agent" defaultId={draft.agent} none="Choose an agent" />
      </Field>
      <Field label="MCP server" required>
        <Select name="server" defaultValue={draft.server ?? ''} required>
          <option value="" disabled>
            Choose a server
          </option>
          {servers.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
      </Field>
      <Field label="Tool" hint="Its name; a method as method:resources/read." required>
        <Input
          name="tool"
          defaultValue={draft.tool}
          list="tools-of-server"
          autoComplete="off"
          className="font-mono"
          required
        />
      </Field>
      <datalist id="tools-of-server">
        {tools.map((tool) => (
          <option key={tool} value={tool}>
            {tool}
          </option>
        ))}
      </datalist>
      <Field label="Arguments" hint="A JSON object. Empty: any arguments.">
        <Textarea name="args" defaultValue={draft.args} rows={4} className="font-mono text-[13px]" spellCheck={false} />
      </Field>
      <Field label="When" hint="An instant in UTC, such as 2027-01-01T00:00:00Z, or a day. Empty: now.">
        <Input name="at" defaultValue={draft.at} autoComplete="off" />
      </Field>
      <Field label="Run" hint="How the run that makes the call was started. Central policies may ask for it.">
        <Select name="run" defaultValue={draft.run ?? ''}>
          <option value="">none: its own credentials</option>
          {runTriggers.map((trigger) => (
            <option key={trigger} value={trigger}>
              {triggerWords[trigger]}
            </option>
          ))}
        </Select>
      </Field>
      <Field
        label="Who is behind it"
        hint="Whoever started that run or issued the credential. A bypass lets nothing through that its opener is behind."
      >
        <Select name="behind" defaultValue={behind ?? ''}>
          <option value="">not known</option>
          {named.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
      </Field>
      <label className="flex items-center gap-2 text-sm">
        <Checkbox name="scripted" value="1" defaultChecked={draft.scripted === '1'} /> Answered by the simulated model
      </label>
      <Field label="Policy set" hint="The number of a set of central policies. Empty: the enforced one.">
        <Input name="policySet" type="number" min={1} defaultValue={draft.policySet} />
      </Field>
      <div>
        <Button type="submit" variant="primary">
          Simulate
        </Button>
      </div>
    </form>
  )
}
