'use client'

import { useRouter } from 'next/navigation'
import { useEffect, useRef, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { cn } from '#components/ui/cn.ts'
import { paths } from '#lib/core/paths.ts'
import {
  type Choices,
  type Draft,
  draftId,
  emptyDraft,
  problemsOf,
  type StepKey,
  steps,
  withTemplate,
} from './draft.ts'
import { AboutStep } from './step-about.client.tsx'
import { LogicStep } from './step-logic.client.tsx'
import { PreviewStep } from './step-preview.client.tsx'
import { ScopesStep } from './step-scopes.client.tsx'
import { TemplateStep } from './step-template.client.tsx'

export type StepProps = {
  choices: Choices
  draft: Draft
  change: (part: Partial<Draft>) => void
  /** Shown once the person has tried to go on. */
  problems: Record<string, string>
}

/** One draft, five steps. Back and Next keep what was typed; a later step is reached only through valid ones; Enter never creates. */
export function Wizard({
  choices,
  template,
  adopts,
}: {
  choices: Choices
  template: string | undefined
  /** Something found unregistered, which this registers. */
  adopts: { id: string; name: string; prompt: string } | null
}) {
  const router = useRouter()
  const [draft, setDraft] = useState<Draft>(() => {
    const manifest = choices.templates.find(({ id }) => id === template)?.manifest
    const empty = { ...emptyDraft(choices), name: adopts?.name ?? '', prompt: adopts?.prompt ?? '' }
    return manifest ? withTemplate(empty, manifest) : empty
  })
  const [step, setStep] = useState<StepKey>('template')
  const [tried, setTried] = useState(false)
  const [leaving, setLeaving] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)
  const index = steps.findIndex(({ key }) => key === step)
  const problems = problemsOf(draft, step)
  const touched = draft.name !== (adopts?.name ?? '') || draft.purpose !== '' || draft.prompt !== (adopts?.prompt ?? '')
  useLeaveGuard(touched && !leaving)

  const go = (next: StepKey) => {
    setTried(false)
    setStep(next)
    requestAnimationFrame(() => heading.current?.focus())
  }
  const next = () => {
    if (Object.keys(problems).length > 0) return setTried(true)
    go(steps[index + 1]!.key)
  }
  const props: StepProps = {
    choices,
    draft,
    change: (part) => setDraft((now) => ({ ...now, ...part })),
    problems: tried ? problems : {},
  }

  return (
    <div className="grid items-start gap-6 lg:grid-cols-[12rem_minmax(0,1fr)]">
      <Progress current={index} draft={draft} go={go} />
      <section aria-labelledby="step-heading" className="min-w-0 space-y-5">
        <h2 id="step-heading" ref={heading} tabIndex={-1} className="text-base font-semibold outline-none">
          {steps[index]!.label} <span className="font-normal text-muted-foreground">· step {index + 1} of 5</span>
        </h2>
        {step === 'template' && (
          <TemplateStep {...props} pick={(manifest) => setDraft((now) => withTemplate(now, manifest))} />
        )}
        {step === 'about' && <AboutStep {...props} />}
        {step === 'logic' && <LogicStep {...props} />}
        {step === 'scopes' && <ScopesStep {...props} />}
        {step === 'preview' && (
          <PreviewStep
            draft={draft}
            change={props.change}
            adopts={adopts?.id ?? null}
            go={go}
            onCreated={() => {
              setLeaving(true)
              router.push(paths.agentCreation(draftId(draft)))
            }}
          />
        )}
        <div className="flex flex-wrap gap-2 border-t pt-4">
          {index > 0 && <Button onClick={() => go(steps[index - 1]!.key)}>Back</Button>}
          {step !== 'preview' && (
            <Button variant="primary" onClick={next}>
              Next
            </Button>
          )}
          {tried && Object.keys(problems).length > 0 && (
            <p role="alert" className="self-center text-sm text-danger">
              {problems['templateId'] ?? 'Some fields need a look before going on.'}
            </p>
          )}
        </div>
      </section>
    </div>
  )
}

function Progress({ current, draft, go }: { current: number; draft: Draft; go: (step: StepKey) => void }) {
  const reachable = steps.findIndex(({ key }) => Object.keys(problemsOf(draft, key)).length > 0)
  return (
    <nav aria-label="Steps" className="overflow-x-auto">
      <ol className="flex gap-1 lg:flex-col">
        {steps.map(({ key, label }, index) => {
          const open = index <= current || reachable === -1 || index <= reachable
          return (
            <li key={key}>
              <button
                type="button"
                disabled={!open}
                aria-current={index === current ? 'step' : undefined}
                onClick={() => go(key)}
                className={cn(
                  'flex w-full items-center gap-2 rounded-md px-2.5 py-1.5 text-left text-sm whitespace-nowrap hover:bg-muted disabled:text-muted-foreground disabled:hover:bg-transparent',
                  index === current && 'bg-muted font-medium',
                )}
              >
                <span className="inline-flex size-5 items-center justify-center rounded-full border text-xs tabular-nums">
                  {index + 1}
                </span>
                {label}
              </button>
            </li>
          )
        })}
      </ol>
    </nav>
  )
}

function useLeaveGuard(active: boolean): void {
  useEffect(() => {
    if (!active) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', ask)
    return () => window.removeEventListener('beforeunload', ask)
  }, [active])
}
