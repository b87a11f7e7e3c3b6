import Link from 'next/link'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { AgentView } from '#lib/registry/schema.ts'
import { hrefWith } from '#lib/web/search.ts'

/** Where an agent comes from, and what comes from the same. */
export function Lineage({ agent }: { agent: AgentView }) {
  const { template } = agent
  const first = agent.versions.at(-1)
  return (
    <Card title="Lineage">
      <Facts>
        <Fact label="Golden template">
          <Link href={paths.template(template.id)} className="text-accent underline underline-offset-2">
            {template.id} {template.version}
          </Link>
          {template.latest !== null && template.latest !== template.version && `, newest ${template.latest}`}
        </Fact>
        <Fact label="Version">
          <Link href={paths.agent(agent.id, 'versions')} className="text-accent underline underline-offset-2">
            {agent.version}
          </Link>{' '}
          of {agent.versions.length}
          {first && (
            <>
              , the first <Time value={first.createdAt} /> from {first.templateId} {first.templateVersion}
            </>
          )}
        </Fact>
        <Fact label="From the same template">
          <Link
            href={hrefWith(paths.agents(), { q: `template:${template.id} -status:retired` })}
            className="text-accent underline underline-offset-2"
          >
            Its agents in the catalog
          </Link>
        </Fact>
        <Fact label="Of the same owner">
          <Link
            href={hrefWith(paths.agents(), { q: `owner:${agent.owner.id} -status:retired` })}
            className="text-accent underline underline-offset-2"
          >
            Agents of {agent.owner.name}
          </Link>
        </Fact>
      </Facts>
    </Card>
  )
}
