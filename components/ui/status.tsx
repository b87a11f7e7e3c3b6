import { Ban, CircleCheck, CircleDashed, CircleX, Clock, Loader, OctagonX, Pause, Archive } from 'lucide-react'
import type { ComponentType } from 'react'
import { scopesTitle } from '#lib/registry/schema/capabilities.ts'
import { Badge, type Tone } from './badge.tsx'

type Look = { tone: Tone; icon: ComponentType<{ 'aria-hidden'?: boolean }>; label: string }

const looks: Record<string, Look> = {
  // agents
  provisioning: { tone: 'accent', icon: Loader, label: 'provisioning' },
  active: { tone: 'ok', icon: CircleCheck, label: 'active' },
  suspended: { tone: 'warn', icon: Pause, label: 'suspended' },
  retired: { tone: 'neutral', icon: Archive, label: 'retired' },
  // runs
  queued: { tone: 'neutral', icon: Clock, label: 'queued' },
  running: { tone: 'accent', icon: Loader, label: 'running' },
  stopping: { tone: 'warn', icon: OctagonX, label: 'stopping' },
  succeeded: { tone: 'ok', icon: CircleCheck, label: 'succeeded' },
  failed: { tone: 'danger', icon: CircleX, label: 'failed' },
  stopped: { tone: 'warn', icon: OctagonX, label: 'stopped' },
  refused: { tone: 'danger', icon: Ban, label: 'refused' },
  // requests, steps, tools
  pending: { tone: 'held', icon: CircleDashed, label: 'pending' },
  approved: { tone: 'ok', icon: CircleCheck, label: 'approved' },
  changes_requested: { tone: 'warn', icon: CircleDashed, label: 'changes requested' },
  waiting: { tone: 'held', icon: CircleDashed, label: 'waiting' },
  edited: { tone: 'ok', icon: CircleCheck, label: 'approved as edited' },
  expired: { tone: 'warn', icon: Clock, label: 'expired' },
  cancelled: { tone: 'neutral', icon: CircleX, label: 'cancelled' },
  rejected: { tone: 'danger', icon: CircleX, label: 'rejected' },
  withdrawn: { tone: 'neutral', icon: CircleX, label: 'withdrawn' },
  done: { tone: 'ok', icon: CircleCheck, label: 'done' },
  quarantined: { tone: 'held', icon: Pause, label: 'quarantined' },
  removed: { tone: 'neutral', icon: Archive, label: 'removed' },
  disabled: { tone: 'warn', icon: Pause, label: 'disabled' },
}

/** A state of an agent, run, request, step, tool or server: word, icon and colour say the same. */
export function Status({ state }: { state: string }) {
  const look = looks[state] ?? { tone: 'neutral' as const, icon: CircleDashed, label: state }
  return (
    <Badge tone={look.tone}>
      <look.icon aria-hidden />
      {look.label}
    </Badge>
  )
}

const classTones: Record<string, Tone> = { read: 'neutral', write: 'warn', destructive: 'danger' }

/** A scope as people write it: `erp: read`, one tool of it, or what is granted besides tools. */
export function ScopeBadge({
  serverId,
  toolClass,
  toolName,
  toolNames = toolName ? [toolName] : [],
  environment,
}: {
  serverId?: string
  toolClass: string
  toolName?: string | null
  /** Where it may name several. */
  toolNames?: readonly string[]
  environment?: string
}) {
  return (
    // It flows like a sentence, so that no box cuts off what it ends in; in a table, which scrolls, it stays on one line.
    <Badge
      tone={classTones[toolClass] ?? 'neutral'}
      title={environment}
      className="inline-block max-w-full whitespace-normal [td_&]:whitespace-nowrap"
    >
      {serverId && <span className="font-mono">{serverId}: </span>}
      {toolNames.length > 0 ? `${scopesTitle({ class: toolClass, toolNames })} (${toolClass})` : toolClass}
      {environment === 'production' && <span className="font-normal"> · prod</span>}
    </Badge>
  )
}
