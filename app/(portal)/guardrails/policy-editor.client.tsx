'use client'

import { useRouter } from 'next/navigation'
import { useRef, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { paths } from '#lib/core/paths.ts'
import type { PolicyProblem } from '#lib/guardrails/schema/policy-sets.ts'
import { checkText, saveDraft } from './actions.ts'
import { ProblemList } from './problem-list.client.tsx'

type Draft = { number: number | null; text: string; note: string; version: string | null; basedOn: number | null }
type Found = { problems: readonly PolicyProblem[]; warnings: readonly PolicyProblem[] }

const lineHeight = 20

/** The text of a draft, with what is wrong at its line. It is saved only when it type-checks. */
export function PolicyEditor({ draft, warnings }: { draft: Draft; warnings: readonly PolicyProblem[] }) {
  const router = useRouter()
  const [text, setText] = useState(draft.text)
  const [note, setNote] = useState(draft.note)
  const [found, setFound] = useState<Found>({ problems: [], warnings })
  const area = useRef<HTMLTextAreaElement>(null)
  const gutter = useRef<HTMLDivElement>(null)
  const checking = useAction(checkText, (outcome) => {
    setFound(outcome)
    if (outcome.problems.length === 0) toast.success('It type-checks.')
  })
  const saving = useAction(saveDraft, (saved) => {
    setFound({ problems: [], warnings: saved.warnings })
    toast.success(saved.changed ? `Policy set ${saved.number} is saved as a draft.` : 'Nothing had changed.')
    router.push(paths.policySet(saved.number))
  })
  const refused = saving.failed?.details?.['problems'] as readonly PolicyProblem[] | undefined
  const problems = refused ?? found.problems
  const wrong = new Set(problems.map(({ line }) => line))
  const goTo = ({ line, column }: PolicyProblem) => {
    const start =
      text
        .split('\n')
        .slice(0, line - 1)
        .join('\n').length +
      (line > 1 ? 1 : 0) +
      column -
      1
    area.current?.focus()
    area.current?.setSelectionRange(start, start)
    if (area.current) area.current.scrollTop = Math.max(0, (line - 5) * lineHeight)
  }
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        saving.run({ ...draft, text, note })
      }}
    >
      <Field label="What changes, and why" required error={saving.failed?.fields['note']?.[0]}>
        <Input value={note} maxLength={1000} onChange={(event) => setNote(event.target.value)} />
      </Field>
      <Field
        label="Policies (Cedar)"
        hint="Each has @id, @title and @explanation, and what forbids also @remedy: the plain words stand beside the code."
        className="[&>textarea]:col-start-2"
      >
        <CodeArea text={text} wrong={wrong} onChange={setText} area={area} gutter={gutter} />
      </Field>
      <ProblemList problems={problems} warnings={found.warnings} onOpen={goTo} />
      {saving.failed && !refused && Object.keys(saving.failed.fields).length === 0 && (
        <Notice kind="danger" requestId={saving.failed.requestId}>
          {saving.failed.message}
        </Notice>
      )}
      <div className="flex flex-wrap gap-2">
        <Button
          pending={checking.pending}
          onClick={() => {
            saving.clear()
            checking.run({ text })
          }}
        >
          Check
        </Button>
        <Button type="submit" variant="primary" pending={saving.pending}>
          Save draft
        </Button>
      </div>
    </form>
  )
}

type CodeAreaProps = {
  text: string
  wrong: ReadonlySet<number>
  onChange: (text: string) => void
  area: React.RefObject<HTMLTextAreaElement | null>
  gutter: React.RefObject<HTMLDivElement | null>
  id?: string
  'aria-describedby'?: string
}

function CodeArea({ text, wrong, onChange, area, gutter, ...props }: CodeAreaProps) {
  const lines = text.split('\n').length
  return (
    <div className="flex overflow-hidden rounded-md border border-input bg-raised font-mono text-xs">
      <div
        ref={gutter}
        aria-hidden
        className="h-120 shrink-0 overflow-hidden border-r bg-surface py-2 text-right whitespace-nowrap select-none"
      >
        {Array.from({ length: lines }, (_, at) => (
          <div
            key={at}
            className={`h-5 px-2 leading-5 ${wrong.has(at + 1) ? 'bg-danger-soft font-semibold text-danger' : 'text-muted-foreground'}`}
          >
            {at + 1}
          </div>
        ))}
      </div>
      <Textarea
        {...props}
        ref={area}
        value={text}
        spellCheck={false}
        wrap="off"
        aria-invalid={wrong.size > 0 ? true : undefined}
        className="h-120 resize-none rounded-none border-0 px-3 text-xs leading-5"
        onChange={(event) => onChange(event.target.value)}
        onScroll={(event) => {
          if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop
        }}
      />
    </div>
  )
}
