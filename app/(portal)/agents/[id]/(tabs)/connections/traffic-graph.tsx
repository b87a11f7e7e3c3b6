import { ArrowRight, Bot, Server } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { EnvironmentBadge } from '#components/agents/agent-badges.tsx'
import { cn } from '#components/ui/cn.ts'
import { formatCount, plural } from '#components/ui/count.ts'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { AgentServerTraffic, AgentTraffic, CalledTool } from '#lib/metrics/schema/traffic.ts'
import type { AgentView } from '#lib/registry/schema.ts'
import { hrefWith } from '#lib/web/search.ts'

/**
 * One row a server: who writes there what this agent reads, what it calls, and who reads what it writes. Rows stand in three columns joined by arrows, and below one
 * another on narrow screens.
 */
export function TrafficGraph({ agent, traffic }: { agent: AgentView; traffic: AgentTraffic }) {
  const most = Math.max(...traffic.servers.flatMap(({ tools }) => tools.map(({ calls, refused }) => calls + refused)))
  return (
    <ol className="grid grid-cols-1 gap-4" aria-label={`What ${agent.name} calls`}>
      {traffic.servers.map((row) => (
        <li
          key={row.server.id}
          className="grid grid-cols-1 items-center gap-2 lg:grid-cols-[minmax(0,1fr)_auto_minmax(0,2fr)_auto_minmax(0,1fr)]"
        >
          <Neighbours
            title="Write where it reads"
            none="Nobody writes where it reads"
            {...row.feeds}
            server={row.server.id}
            can="write"
          />
          <Arrow dim={row.feeds.total === 0} />
          <Called row={row} most={most} />
          <Arrow dim={row.fed.total === 0} />
          <Neighbours
            title="Read where it writes"
            none="Nobody reads what it writes"
            {...row.fed}
            server={row.server.id}
            can="read"
          />
        </li>
      ))}
    </ol>
  )
}

function Called({ row: { server, tools }, most }: { row: AgentServerTraffic; most: number }) {
  return (
    <Box>
      <h3 className="mb-2 flex flex-wrap items-center gap-2 text-sm font-medium">
        <Server aria-hidden className="size-4 shrink-0 text-muted-foreground" />
        <Link href={paths.server(server.id)} className="min-w-0 text-accent hover:underline">
          {server.name}
        </Link>
        <EnvironmentBadge environment={server.environment} />
      </h3>
      <ul className="grid grid-cols-1 gap-2">
        {tools.map((tool) => (
          <li key={tool.tool} className="text-[13px]">
            <span className="flex flex-wrap items-baseline justify-between gap-x-3">
              <span className="min-w-0">
                <ToolName serverId={server.id} tool={tool} />
              </span>
              <span className="text-muted-foreground tabular-nums">
                {plural(tool.calls, 'call')}
                {tool.errors > 0 && <span className="text-warn">, {plural(tool.errors, 'error')}</span>}
                {tool.refused > 0 && <span className="text-danger">, {formatCount(tool.refused)} refused</span>}, last{' '}
                <Time value={tool.lastAt} />
              </span>
            </span>
            <span aria-hidden className="mt-1 flex h-1.5 overflow-hidden rounded-full bg-muted">
              <span className="bg-(--chart-1)" style={{ width: `${(tool.calls / most) * 100}%` }} />
              <span className="bg-(--chart-4)" style={{ width: `${(tool.refused / most) * 100}%` }} />
            </span>
          </li>
        ))}
      </ul>
    </Box>
  )
}

function ToolName({ serverId, tool: { tool, class: toolClass } }: { serverId: string; tool: CalledTool }) {
  if (tool === '') return <span className="text-muted-foreground">names the server does not have</span>
  if (toolClass === null) return <code className="break-all">{tool}</code>
  return (
    <>
      <Link href={paths.serverTool(serverId, tool)} className="font-mono break-all hover:underline">
        {tool}
      </Link>{' '}
      <ScopeBadge toolClass={toolClass} />
    </>
  )
}

function Neighbours(about: {
  title: string
  none: string
  agents: AgentServerTraffic['fed']['agents']
  total: number
  server: string
  can: 'read' | 'write'
}) {
  const { title, none, agents, total, server, can } = about
  if (total === 0) return <p className="hidden px-3 text-center text-[13px] text-muted-foreground lg:block">{none}.</p>
  return (
    <Box>
      <h3 className="mb-1 flex items-center gap-2 text-[13px] text-muted-foreground">
        <Bot aria-hidden className="size-4" />
        {title}
      </h3>
      <ul className="text-[13px]">
        {agents.map(({ id, name, calls }) => (
          <li key={id} className="flex justify-between gap-3">
            <Link
              href={paths.agent(id, 'connections')}
              className="min-h-6 min-w-0 truncate py-0.5 text-accent hover:underline"
            >
              {name}
            </Link>
            <span className="text-muted-foreground tabular-nums">{formatCount(calls)}</span>
          </li>
        ))}
      </ul>
      {total > agents.length && (
        <Link
          href={hrefWith(paths.agents(), { q: `can:${can} server:${server}` })}
          className="text-[13px] text-accent hover:underline"
        >
          {formatCount(total - agents.length)} more; who may
        </Link>
      )}
    </Box>
  )
}

function Box({ children }: { children: ReactNode }) {
  return <div className="min-w-0 rounded-md border bg-surface p-3">{children}</div>
}

function Arrow({ dim }: { dim: boolean }) {
  return (
    <ArrowRight
      aria-hidden
      className={cn(
        'mx-auto size-4 shrink-0 rotate-90 lg:rotate-0',
        dim ? 'hidden text-border lg:block' : 'text-muted-foreground',
      )}
    />
  )
}
