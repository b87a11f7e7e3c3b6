'use client'

import { useRouter } from 'next/navigation'
import { type RefObject, useEffect, useMemo, useRef, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { cn } from '#components/ui/cn.ts'
import { paths } from '#lib/core/paths.ts'
import {
  type Choices,
  type Draft,
  draftId,
  emptyDraft,
  problemsOf,
  reachable,
  type StepKey,
  steps,
  withTemplate,
} from './draft.ts'
import { useKeptDraft } from './kept-draft.client.ts'
import { LeaveGuard } from './leave-guard.client.tsx'
import { useStepInUrl } from './step-in-url.client.ts'
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

/**
 * One draft, five steps, the step in the URL. Back, Next, a reload and the browser's own ways keep what was typed; a later step is reached
 * only through valid ones; Enter never creates.
 */
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
  const { asked, goTo } = useStepInUrl()
  const initial = useMemo(() => {
    const manifest = choices.templates.find(({ id }) => id === template)?.manifest
    const empty = { ...emptyDraft(choices), name: adopts?.name ?? '', prompt: adopts?.prompt ?? '' }
    return manifest ? withTemplate(empty, manifest) : empty
  }, [choices, template, adopts])
  const kept = useKeptDraft(`new-agent:${choices.personId}:${adopts?.id ?? template ?? ''}`, initial)
  /** What was created, while the page of its creation opens. */
  const [created, setCreated] = useState<Draft | null>(null)
  const draft = created ?? kept.draft
  const [tried, setTried] = useState<StepKey | null>(null)
  const named = steps.findIndex(({ key }) => key === asked)
  const index = Math.min(Math.max(named, 0), reachable(draft))
  const step = steps[index]!.key
  const problems = problemsOf(draft, step)
  const heading = useStepHeading(step)

  const go = (next: StepKey) => {
    setTried(null)
    goTo(next)
  }
  const next = () => {
    if (Object.keys(problems).length > 0) return setTried(step)
    go(steps[index + 1]!.key)
  }
  const props: StepProps = {
    choices,
    draft,
    change: (part) => kept.change((now) => ({ ...now, ...part })),
    problems: tried === step ? problems : {},
  }

  return (
    <div className="grid items-start gap-6 lg:grid-cols-[12rem_minmax(0,1fr)]">
      <LeaveGuard active={kept.touched && created === null} onLeave={kept.forget} />
      <Progress current={index} draft={draft} go={go} />
      <section aria-labelledby="step-heading" className="min-w-0 space-y-5">
        <h2 id="step-heading" ref={heading} tabIndex={-1} className="text-base font-semibold outline-none">
          {steps[index]!.label} <span className="font-normal text-muted-foreground">· step {index + 1} of 5</span>
        </h2>
        {step === 'template' && (
          <TemplateStep {...props} pick={(manifest) => kept.change((now) => withTemplate(now, manifest))} />
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
              setCreated(draft)
              kept.forget()
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
          {tried === step && Object.keys(problems).length > 0 && (
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
  const last = reachable(draft)
  return (
    <nav aria-label="Steps">
      <ol className="flex gap-1 lg:flex-col">
        {steps.map(({ key, label }, index) => {
          const open = index <= Math.max(current, last)
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
                <span className={cn(index !== current && 'max-sm:sr-only')}>{label}</span>
              </button>
            </li>
          )
        })}
      </ol>
    </nav>
  )
}

/** The heading is where reading goes on when the step changes, whatever changed it. */
function useStepHeading(step: StepKey): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null)
  const before = useRef(step)
  useEffect(() => {
    if (before.current !== step) heading.current?.focus()
    before.current = step
  }, [step])
  return heading
}
