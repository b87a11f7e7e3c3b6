import type { ReactNode } from 'react'
import { visibleText } from '#lib/registry/rules/tool-findings.ts'
import { diffWords, type Part, partsOf } from './word-diff.ts'

type Definition = Record<string, unknown>

/** Two definitions part by part: beside each other where there is room, one below the other on a phone. */
export function DefinitionDiff({ before, after }: { before: Definition | null; after: Definition }) {
  const [left, right] = [partsOf(before ?? {}), partsOf(after)]
  const paths = [...new Set([...left.keys(), ...right.keys()])]
  const changed = before === null ? [] : paths.filter((path) => left.get(path) !== right.get(path))
  return (
    <div className="space-y-4">
      {before !== null && changed.length === 0 && <p>They are the same.</p>}
      {changed.map((path) => {
        const words = diffWords(left.get(path) ?? '', right.get(path) ?? '')
        return (
          <section key={path} aria-label={`Change of ${path}`}>
            <h3 className="mb-1 font-mono text-xs break-all text-muted-foreground">{path}</h3>
            <div className="grid gap-2 md:grid-cols-2">
              <Side label="Approved" missing={!left.has(path)} parts={words.before} tone="removed" />
              <Side label="Listed" missing={!right.has(path)} parts={words.after} tone="added" />
            </div>
          </section>
        )
      })}
      <details open={before === null}>
        <summary className="cursor-pointer text-sm font-medium">The listed definition in full</summary>
        <pre
          tabIndex={0}
          aria-label="The listed definition"
          className="mt-2 max-h-96 overflow-auto rounded-md bg-muted p-3 font-mono text-xs whitespace-pre-wrap break-words"
        >
          {visibleText(JSON.stringify(after, null, 2))}
        </pre>
      </details>
    </div>
  )
}

const tones = {
  removed: { tag: 'del', classes: 'bg-danger-soft text-danger' },
  added: { tag: 'ins', classes: 'bg-ok-soft text-ok' },
} as const

function Side(options: { label: string; missing: boolean; parts: readonly Part[]; tone: keyof typeof tones }) {
  const { label, missing, parts, tone } = options
  const { tag: Tag, classes } = tones[tone]
  const text: ReactNode = missing ? (
    <span className="text-muted-foreground italic">not there</span>
  ) : (
    parts.map((part, index) =>
      part.changed ? (
        // eslint-disable-next-line react/no-array-index-key
        <Tag key={index} className={`rounded-sm no-underline ${classes}`}>
          {visibleText(part.text)}
        </Tag>
      ) : (
        visibleText(part.text)
      ),
    )
  )
  return (
    <div className="min-w-0 rounded-md border p-2">
      <p className="mb-1 text-xs text-muted-foreground">{label}</p>
      <p className="font-mono text-[13px] break-words whitespace-pre-wrap">{text}</p>
    </div>
  )
}
