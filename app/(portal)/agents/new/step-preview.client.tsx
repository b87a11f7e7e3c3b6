'use client'

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Checkbox } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Skeleton } from '#components/ui/skeleton.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { useAction, wordsOf } from '#components/ui/use-action.client.ts'
import type { AgentPreview, PreviewScope } from '#lib/lifecycle/schema.ts'
import { create, preview as previewAction } from './actions.ts'
import { type Draft, inputOf, type StepKey, stepOfField, steps } from './draft.ts'

type Props = {
  draft: Draft
  change: (part: Partial<Draft>) => void
  adopts: string | null
  go: (step: StepKey) => void
  onCreated: () => void
}

/** Everything that will be created, computed by the server, before anything is. */
export function PreviewStep({ draft, change, adopts, go, onCreated }: Props) {
  const creating = useAction(create, onCreated)
  const input = inputOf(draft)
  // Asked anew whenever the step is entered: the world may have changed meanwhile.
  const { data: preview, error } = useQuery({
    queryKey: ['agent-preview', input],
    queryFn: () => readPreview(input),
    gcTime: 0,
    placeholderData: keepPreviousData,
    retry: false,
    refetchOnWindowFocus: false,
  })

  if (error) return <Notice kind="danger">{error.message}</Notice>
  if (!preview) return <Skeleton className="h-80" />
  const failed = creating.failed
  return (
    <div className="space-y-5">
      {preview.problems.length > 0 && (
        <Notice kind="danger" title="This cannot be created yet">
          <ul className="list-disc space-y-1 pl-4">
            {preview.problems.map((problem) => (
              <li key={problem.field + problem.message}>
                {problem.message}{' '}
                <Button variant="link" onClick={() => go(stepOfField(problem.field))}>
                  Go to {steps.find(({ key }) => key === stepOfField(problem.field))!.label}
                </Button>
              </li>
            ))}
          </ul>
        </Notice>
      )}
      <div className="grid items-start gap-5 xl:grid-cols-2">
        <Card title="Scopes granted at once" description="Pre-approved by the template’s scoping policy.">
          <Scopes scopes={preview.grants} none="None." />
        </Card>
        <Card title="Scopes to be approved" description="Requests to security; the agent runs without them until then.">
          <Scopes scopes={preview.requests} none="None: nothing has to wait." />
        </Card>
        <Card title="Inherited guardrails" description="They come with every agent and cannot be opted out of.">
          <p className="text-sm">{preview.guardrails}</p>
        </Card>
        <Card title="Schedule">
          {preview.schedule ? (
            <p className="text-sm">
              <code>{preview.schedule.cron}</code>, next <Time value={preview.schedule.nextRuns[0]} />
            </p>
          ) : (
            <p className="text-sm text-muted-foreground">Only started by hand.</p>
          )}
        </Card>
        <Card title="Registry entry" description="Also its import and export format.">
          <pre className="overflow-x-auto text-xs" tabIndex={0} role="region" aria-label="Registry entry as YAML">
            {preview.yaml}
          </pre>
        </Card>
        <Card
          title="System prompt"
          description={
            preview.version
              ? `${preview.version.model} · ${preview.version.templateId} ${preview.version.templateVersion}`
              : undefined
          }
        >
          <pre
            className="max-h-80 overflow-auto text-xs whitespace-pre-wrap"
            tabIndex={0}
            role="region"
            aria-label="System prompt"
          >
            {preview.version?.system}
          </pre>
        </Card>
      </div>
      <Card title="What happens on Create">
        <ol className="list-decimal space-y-1 pl-5 text-sm">
          {preview.steps.map((step) => (
            <li key={step.step}>{step.label}</li>
          ))}
        </ol>
        <label className="mt-4 flex items-center gap-2 text-sm">
          <Checkbox checked={draft.firstRun} onChange={(event) => change({ firstRun: event.target.checked })} />
          Start a first run when it is ready
        </label>
      </Card>
      {failed && (
        <Notice kind="danger" requestId={failed.requestId} title={failed.message}>
          {Object.entries(failed.fields).map(([field, messages]) => (
            <p key={field}>
              {field}: {messages.join(' ')}
            </p>
          ))}
        </Notice>
      )}
      <Button
        variant="primary"
        pending={creating.pending}
        disabled={preview.problems.length > 0 || creating.pending}
        onClick={() => creating.run({ ...input, ...(adopts === null ? {} : { unregisteredId: adopts }) })}
      >
        Create {preview.agent.name}
      </Button>
    </div>
  )
}

function Scopes({ scopes, none }: { scopes: readonly PreviewScope[]; none: string }) {
  if (scopes.length === 0) return <p className="text-sm text-muted-foreground">{none}</p>
  return (
    <ul className="space-y-3">
      {scopes.map((scope) => (
        <li key={`${scope.serverId}:${scope.class}:${scope.toolNames.join()}`} className="space-y-1 text-sm">
          <ScopeBadge
            serverId={scope.serverId}
            toolClass={scope.class}
            toolNames={scope.toolNames}
            environment={scope.environment}
          />
          <p className="text-muted-foreground">{scope.because}</p>
          <p className="font-mono text-xs break-words text-muted-foreground">{scope.tools.join(', ')}</p>
        </li>
      ))}
    </ul>
  )
}

async function readPreview(input: ReturnType<typeof inputOf>): Promise<AgentPreview> {
  const outcome = await previewAction(input)
  if (!outcome.ok) throw new Error(wordsOf(outcome.error).message)
  return outcome.value
}
