import Link from 'next/link'
import { paths } from '#lib/core/paths.ts'
import { explainRule } from '#lib/guardrails/rules/explain.ts'

type Props = {
  id: string
  agentId?: string | null | undefined
  serverId?: string | null | undefined
  tool?: string | null | undefined
  /** By its id, where many stand below each other; by its title otherwise. */
  as?: 'id' | 'title'
}

/** A rule that refused, held or stopped something: leads to what it says, who set it and who can change it. */
export function RuleLink({ id, agentId, serverId, tool, as = 'title' }: Props) {
  const { title } = explainRule(id)
  return (
    <Link
      href={paths.rule(id, { agent: agentId ?? undefined, server: serverId ?? undefined, tool: tool ?? undefined })}
      title={title}
      className="underline decoration-dotted underline-offset-2 hover:decoration-solid"
    >
      {as === 'id' ? <code className="text-xs">{id}</code> : title}
    </Link>
  )
}
