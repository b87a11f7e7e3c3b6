import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { DiffLines } from '#components/ui/diff-lines.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { TemplateDrift } from '#lib/lifecycle/schema/drift.ts'

/** How far the agent is behind its template, what was published since, and what moving to it would change. */
export function DriftCard({ drift, moveHref }: { drift: TemplateDrift; moveHref: string | null }) {
  const { template, current, newest, behind, versions } = drift
  const name = (
    <Link href={paths.template(template.id)} className="underline underline-offset-2">
      {template.name}
    </Link>
  )
  if (versions.length === 0) {
    return (
      <p className="text-sm text-muted-foreground">
        It is made from {name} {current}, the newest version.
      </p>
    )
  }
  return (
    <Card
      title={`${plural(versions.length, 'version')} behind its template`}
      description={
        <>
          It is made from {name} {current}; {newest} is the newest. <Badge tone="warn">{behind}</Badge>
        </>
      }
      actions={
        moveHref !== null && (
          <Button asChild size="sm">
            <Link href={moveHref}>Move to {newest}</Link>
          </Button>
        )
      }
    >
      <ul aria-label="Published since" className="grid gap-3 text-sm">
        {versions.map(({ version, publishedAt, changes }) => (
          <li key={version}>
            <p className="font-medium">
              {version}{' '}
              <span className="font-normal text-muted-foreground">
                published <Time value={publishedAt} />
              </span>
            </p>
            <p className="whitespace-pre-wrap">{changes || 'The changelog says nothing about it.'}</p>
          </li>
        ))}
      </ul>
      <Difference drift={drift} />
    </Card>
  )
}

function Difference({ drift: { diff, problem, newest } }: { drift: TemplateDrift }) {
  const label = `What ${newest} would change`
  return (
    <>
      <h3 className="mt-4 mb-1 text-sm font-medium">{label}</h3>
      {diff === null && (
        <Notice kind="warn" title="It cannot be moved as it is">
          {problem}
        </Notice>
      )}
      {diff?.length === 0 && <p className="text-sm">What Claude is given stays the same.</p>}
      {diff !== null && diff.length > 0 && (
        <div className="rounded-md border">
          <DiffLines label={label} lines={diff} wrapped />
        </div>
      )}
    </>
  )
}
