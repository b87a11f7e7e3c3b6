import Link from 'next/link'
import { Card } from '#components/ui/card.tsx'
import { paths } from '#lib/core/paths.ts'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'

const block = 'mt-2 max-h-96 overflow-auto rounded-md border bg-surface p-3 font-mono text-xs whitespace-pre-wrap'

/** The prompt that it was asked for with; what has changed since is shown first. */
export function PromptCard({ request }: { request: ScopeRequestView }) {
  const { prompt } = request.context
  return (
    <Card
      id="prompt"
      title={`The prompt of version ${prompt.version}`}
      description={
        prompt.changes ? (
          <>Version {prompt.currentVersion} runs now, with another prompt.</>
        ) : (
          <>The request was made for it, and it is what runs now.</>
        )
      }
      actions={
        <Link href={paths.agent(request.agent.id, 'versions')} className="text-[13px] text-accent hover:underline">
          Versions
        </Link>
      }
    >
      {prompt.changes && (
        <>
          <p className="text-sm font-medium">What has changed since</p>
          <pre className={block} tabIndex={0} aria-label="What has changed in the prompt">
            {numbered(prompt.changes).map(({ id, line }) => (
              <span
                key={id}
                className={line.startsWith('+') ? 'text-ok' : line.startsWith('-') ? 'text-danger' : undefined}
              >
                {line}
                {'\n'}
              </span>
            ))}
          </pre>
        </>
      )}
      <details className={prompt.changes ? 'mt-3' : undefined} open={!prompt.changes && prompt.text.length < 600}>
        <summary className="text-sm font-medium">The whole prompt</summary>
        <pre className={block} tabIndex={0} aria-label={`The prompt of version ${prompt.version}`}>
          {prompt.text}
        </pre>
      </details>
    </Card>
  )
}

/** Lines repeat; their place tells them apart. */
function numbered(lines: readonly string[]): { id: string; line: string }[] {
  return lines.map((line, at) => ({ id: `${at} ${line}`, line }))
}
