import { Badge, type Tone } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { ScopeBadge } from '#components/ui/status.tsx'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import type { ReachChange, ToolReach } from '#lib/scopes/schema/context.ts'

const looks: Record<ReachChange, { tone: Tone; label: string }> = {
  new: { tone: 'accent', label: '+ new' },
  freer: { tone: 'warn', label: 'more freely' },
  longer: { tone: 'neutral', label: 'for longer' },
  none: { tone: 'outline', label: 'as now' },
}

/** Effective access before and after: the sentence first, then tool by tool. */
export function WhatChanges({ request }: { request: ScopeRequestView }) {
  const { blastRadius, tools, elsewhere } = request.context
  const changed = tools.filter(({ change }) => change !== 'none')
  const same = tools.filter(({ change }) => change === 'none')
  return (
    <Card title="What changes">
      <div className="space-y-3">
        <p className="max-w-prose text-base">{blastRadius}</p>
        {changed.length > 0 && (
          <ul aria-label="Tools whose access changes" className="divide-y rounded-md border">
            {changed.map((tool) => (
              <Tool key={tool.name} tool={tool} />
            ))}
          </ul>
        )}
        <p className="text-[13px] text-muted-foreground">
          {same.length > 0 && `It can call ${same.map(({ name }) => name).join(', ')} already. `}
          {elsewhere.tools === 0
            ? 'It reaches nothing on other servers.'
            : `${plural(elsewhere.tools, 'tool')} on ${plural(elsewhere.servers, 'other server')} stay as they are.`}
        </p>
      </div>
    </Card>
  )
}

function Tool({ tool }: { tool: ToolReach }) {
  const { tone, label } = looks[tool.change]
  return (
    <li className="grid grid-cols-1 gap-1 px-3 py-2 text-sm">
      <span className="flex flex-wrap items-center gap-2">
        <span className="font-mono text-[13px]">{tool.name}</span>
        <ScopeBadge toolClass={tool.class} />
        <Badge tone={tone}>{label}</Badge>
      </span>
      <span className="text-[13px] text-muted-foreground">
        {tool.description && <span className="line-clamp-2">{tool.description}</span>}
        <span className="block">
          {tool.before.length === 0 ? 'not at all' : tool.before.join('; or ')} → {tool.after}
        </span>
      </span>
    </li>
  )
}
