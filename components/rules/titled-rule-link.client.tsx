'use client'

import Link from 'next/link'
import { paths } from '#lib/core/paths.ts'
import { useCentralRuleTitles } from './central-rule-titles.client.tsx'

export type RuleLinkProps = {
  id: string
  agentId?: string | null | undefined
  serverId?: string | null | undefined
  tool?: string | null | undefined
  /** The decision that it made, where one is on record: then the link leads to why it was made. */
  decisionId?: string | null | undefined
  /** By its id, where many stand below each other; by its title otherwise. */
  as?: 'id' | 'title'
}

/** The link itself; `title`: for rules that are no policies of the enforced set. */
export function TitledRuleLink({
  id,
  title: ownTitle,
  agentId,
  serverId,
  tool,
  decisionId,
  as = 'title',
}: RuleLinkProps & { title: string }) {
  const title = useCentralRuleTitles()[id] ?? ownTitle
  const about = { agent: agentId ?? undefined, server: serverId ?? undefined, tool: tool ?? undefined }
  return (
    <Link
      href={decisionId ? paths.decision(decisionId) : paths.rule(id, about)}
      title={title}
      className="underline decoration-dotted underline-offset-2 hover:decoration-solid"
    >
      {as === 'id' ? <code className="text-xs">{id}</code> : title}
    </Link>
  )
}
