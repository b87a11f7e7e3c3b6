'use client'

import { useQuery } from '@tanstack/react-query'
import { CircleCheck, CircleDashed, CircleX, Loader } from 'lucide-react'
import Link from 'next/link'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { cn } from '#components/ui/cn.ts'
import { Notice } from '#components/ui/notice.tsx'
import { formatDuration } from '#components/ui/time.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { paths } from '#lib/core/paths.ts'
import type { CreationLog, CreationStepName } from '#lib/registry/schema.ts'
import type { retry as retryAction } from './actions.ts'

const labels: Record<CreationStepName, string> = {
  register: 'Registered, with its first version',
  scopes: 'Scopes granted and requested',
  claude: 'Agent created at Claude',
  credentials: 'Credentials issued, because it is registered',
  schedule: 'Schedule set',
  activate: 'Activated',
  first_run: 'First run started',
}

const icons = { pending: CircleDashed, running: Loader, done: CircleCheck, failed: CircleX } as const
const tones = {
  pending: 'text-muted-foreground',
  running: 'text-accent',
  done: 'text-ok',
  failed: 'text-danger',
} as const

const pollMs = 700

type Props = { initial: CreationLog; retry: typeof retryAction; whyNotRetry: string | null }

/** The live creation log: each step as the job writes it down. */
export function CreationSteps({ initial, retry, whyNotRetry }: Props) {
  const { data: log, refetch } = useQuery({
    queryKey: ['creation', initial.agentId],
    queryFn: () => readLog(initial.agentId),
    initialData: initial,
    refetchInterval: (query) => (isOver(query.state.data ?? initial) ? false : pollMs),
  })
  const retrying = useAction(retry, () => void refetch())
  const failed = log.steps.some((step) => step.state === 'failed')
  return (
    <div className="max-w-3xl space-y-5">
      <Card
        title="Creation log"
        actions={
          <span role="status" className="text-[13px] text-muted-foreground">
            {failed
              ? 'Stopped at a failed step'
              : isOver(log)
                ? `Created in ${formatDuration(log.elapsedMs ?? 0)}`
                : 'Creating…'}
          </span>
        }
      >
        <ol className="space-y-3">
          {log.steps.map((step) => {
            const Icon = icons[step.state]
            return (
              <li key={step.step} className="flex items-start gap-3 text-sm">
                <Icon
                  aria-hidden
                  className={cn(
                    'mt-0.5 size-4 shrink-0',
                    tones[step.state],
                    step.state === 'running' && 'animate-spin',
                  )}
                />
                <div className="min-w-0">
                  <p className={cn(step.state === 'pending' && 'text-muted-foreground')}>
                    {labels[step.step]}{' '}
                    <span className="text-[13px] text-muted-foreground">
                      {step.state === 'done' ? took(step) : step.state}
                    </span>
                    {step.attempts > 1 && (
                      <span className="text-[13px] text-muted-foreground"> · attempt {step.attempts}</span>
                    )}
                  </p>
                  {step.detail && <p className="text-[13px] break-words text-muted-foreground">{step.detail}</p>}
                </div>
              </li>
            )
          })}
        </ol>
      </Card>
      {retrying.failed && <Notice kind="danger">{retrying.failed.message}</Notice>}
      <div className="flex flex-wrap gap-2">
        {log.firstRunId && (
          <Button asChild variant="primary">
            <Link href={paths.run(log.firstRunId)}>Watch the first run</Link>
          </Button>
        )}
        <Button asChild>
          <Link href={paths.agent(log.agentId)}>Open the agent</Link>
        </Button>
        {failed && (
          <ActionButton
            whyNot={whyNotRetry}
            pending={retrying.pending}
            onClick={() => retrying.run({ agentId: log.agentId })}
          >
            Try again
          </ActionButton>
        )}
      </div>
    </div>
  )
}

function isOver(log: CreationLog): boolean {
  return log.steps.every((step) => step.state === 'done')
}

function took(step: CreationLog['steps'][number]): string {
  if (!step.startedAt || !step.finishedAt) return 'done'
  return formatDuration(Date.parse(step.finishedAt) - Date.parse(step.startedAt))
}

async function readLog(agentId: string): Promise<CreationLog> {
  const response = await fetch(`/api/portal/creation/${encodeURIComponent(agentId)}`)
  if (!response.ok) throw new Error(`the creation log answered ${response.status}`)
  return (await response.json()) as CreationLog
}
