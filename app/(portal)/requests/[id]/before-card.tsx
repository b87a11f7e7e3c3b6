import Link from 'next/link'
import { RuleLink } from '#components/rules/rule-link.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import { hrefWith } from '#lib/web/search.ts'

const link = 'text-accent underline underline-offset-2'

/** What was refused of exactly this, and what was asked and decided before. */
export function BeforeCard({ request }: { request: ScopeRequestView }) {
  const { agent, server, toolNames, context, denials30d } = request
  // The log is asked about one tool or about all of the server.
  const toolName = toolNames.length === 1 ? toolNames[0]! : null
  const { denials, earlier, days } = context
  const log = hrefWith(paths.audit(), {
    agent: agent.id,
    server: server.id,
    tool: toolName,
    event: 'mcp.call_denied',
  })
  return (
    <Card id="before" title="Before">
      <div className="grid grid-cols-1 gap-4 text-sm">
        <div>
          <p>
            {denials.count === 0 ? (
              `No call of exactly this was refused in ${days} days`
            ) : (
              <>
                <strong>{plural(denials.count, 'call')}</strong> of exactly this {denials.count === 1 ? 'was' : 'were'}{' '}
                refused in {days} days, the last <Time value={denials.lastAt} />
              </>
            )}
            {denials30d > denials.count && `, ${denials30d} on ${server.name} as a whole`}.{' '}
            {denials30d > 0 && (
              <Link href={log} className={link}>
                Audit log
              </Link>
            )}
          </p>
          {denials.rules.length > 0 && (
            <ul className="mt-1 text-[13px]">
              {denials.rules.map(({ rule, count }) => (
                <li key={rule}>
                  {count} × <RuleLink id={rule} agentId={agent.id} serverId={server.id} tool={toolName} />
                </li>
              ))}
            </ul>
          )}
        </div>
        {earlier.total === 0 ? (
          <p className="text-muted-foreground">Nobody has asked for the like of it before.</p>
        ) : (
          <ul aria-label="Earlier requests" className="divide-y rounded-md border">
            {earlier.items.map((each) => (
              <li key={each.id} className="flex flex-wrap items-center gap-x-2 gap-y-1 px-3 py-2">
                <Status state={each.state} />
                <Link href={paths.request(each.id)} className="hover:underline">
                  <ScopeBadge toolClass={each.class} toolNames={each.toolNames} />
                </Link>
                <span className="text-[13px] text-muted-foreground">
                  {each.requestedBy} <Time value={each.createdAt} />
                  {each.decidedBy && `; ${each.decidedBy}`}
                </span>
                {each.note && <span className="basis-full text-[13px]">{each.note}</span>}
              </li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  )
}
