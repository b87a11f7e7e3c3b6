import { AgentField } from '#components/shell/agent-field.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Input } from '#components/ui/input.tsx'
import { paths } from '#lib/core/paths.ts'

/** Beside a list: asks why an agent is or is not in it. Beside an agent (`agent`): asks about a search. */
export function WhyForm({ agent, q, asOf }: { agent?: string; q?: string; asOf?: string | undefined }) {
  return (
    <form
      action={paths.explainAgent()}
      method="get"
      aria-label="Why an agent is in the list, or not"
      className="flex flex-wrap items-center gap-2"
    >
      {agent === undefined ? (
        <input type="hidden" name="q" value={q} />
      ) : (
        <input type="hidden" name="agent" value={agent} />
      )}
      {asOf !== undefined && <input type="hidden" name="asOf" value={asOf} />}
      {agent === undefined ? (
        <>
          <span className="text-[13px] text-muted-foreground">Why is an agent here, or not?</span>
          <AgentField name="agent" none="Choose an agent" className="h-8 w-52" />
        </>
      ) : (
        <label className="flex flex-wrap items-center gap-2 text-[13px] text-muted-foreground">
          The search
          <Input name="q" placeholder="can:write env:production" required className="h-8 w-52" />
        </label>
      )}
      <Button type="submit" size="sm">
        Explain
      </Button>
    </form>
  )
}
