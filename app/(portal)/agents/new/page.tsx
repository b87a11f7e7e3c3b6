import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { FoundDefinitionFacts } from '#components/agents/found-definition.tsx'
import { Card } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { DomainError } from '#lib/core/errors.ts'
import { paths } from '#lib/core/paths.ts'
import { carriedPrompt } from '#lib/lifecycle/rules/carried-prompt.ts'
import { getUnregistered, listPeople, listServers, listTeams } from '#lib/registry/queries.ts'
import type { UnregisteredView } from '#lib/registry/schema/unregistered.ts'
import { readingPolicy } from '#lib/lifecycle/queries/reading-policy.ts'
import { getTemplate, listTemplates } from '#lib/templates/queries.ts'
import { currentCtx, type PageCtx } from '#lib/web/ctx.ts'
import type { Choices } from './draft.ts'
import { Wizard } from './wizard.client.tsx'

export const metadata: Metadata = { title: 'New agent' }

export default async function NewAgentPage({
  searchParams,
}: {
  searchParams: Promise<{ template?: string; adopt?: string }>
}) {
  const ctx = await currentCtx()
  const { template, adopt } = await searchParams
  const header = (
    <PageHeader
      title="New agent"
      description="Pick a golden template, add your own logic, ask for scopes. Sandbox, broker, audit and kill switch are inherited."
    />
  )
  if (!can(ctx.actor, 'agents:create')) {
    return (
      <>
        {header}
        <Notice title="Your roles do not include creating agents">
          It comes with: {rolesWith('agents:create').map(roleLabel).join(', ')}.
        </Notice>
      </>
    )
  }
  const choices = await readChoices(ctx)
  const found = typeof adopt === 'string' ? await readFinding(ctx, adopt) : null
  return (
    <>
      {header}
      {choices.teams.length === 0 ? (
        <Notice kind="warn" title="You belong to no team">
          Every agent has an owner team. Ask a platform admin to add you to yours.
        </Notice>
      ) : (
        <>
          {found && <Adopting found={found} />}
          {found?.state !== undefined && found.state !== 'open' ? null : (
            <Wizard
              choices={choices}
              template={template}
              adopts={
                found && {
                  id: found.id,
                  name: found.name,
                  prompt: found.definition ? carriedPrompt(found.definition) : '',
                }
              }
            />
          )}
        </>
      )}
    </>
  )
}

async function readFinding(ctx: PageCtx, id: string): Promise<UnregisteredView> {
  try {
    return await getUnregistered(ctx, id)
  } catch (error) {
    if (error instanceof DomainError && error.code === 'not_found') notFound()
    throw error
  }
}

function Adopting({ found: { name, key, source, state, detail, definition } }: { found: UnregisteredView }) {
  if (state !== 'open') {
    return (
      <Notice kind="warn" title={`${name} was decided already`}>
        It is {state}. <Link href={paths.unregistered()}>See what still waits.</Link>
      </Notice>
    )
  }
  return (
    <>
      <Notice title={`Registers ${name}`} className="mb-5">
        {source === 'claude'
          ? `The agent ${key} stays the same one at Claude and gets the version you make here. Sessions that are open there go on as they are.`
          : `What was seen as ${key} gets an entry, and with it credentials of its own; what it used until now still does not count.`}
      </Notice>
      {definition && (
        <Card
          title="What it is at Claude now"
          description={`As of version ${detail['version'] ?? '?'}. Its prompt is carried into your instructions, where you may change it; model and built-in tools come from the template, tools of servers from the scopes you ask for, and skills end.`}
          className="mb-5"
        >
          <FoundDefinitionFacts definition={definition} />
        </Card>
      )}
    </>
  )
}

async function readChoices(ctx: PageCtx): Promise<Choices> {
  const [rows, teams, people, servers, readingAsks] = await Promise.all([
    listTemplates(ctx),
    listTeams(ctx),
    listPeople(ctx, { active: true }),
    listServers(ctx),
    readingPolicy(ctx),
  ])
  const templates = await Promise.all(
    rows.map(async (row) => {
      const { manifest } = await getTemplate(ctx, { id: row.id })
      return { id: row.id, version: row.version, agents: row.agents, manifest }
    }),
  )
  const mine = can(ctx.actor, 'agents:any_team') ? teams : teams.filter((team) => ctx.actor.teamIds.includes(team.id))
  return {
    templates,
    teams: mine.map(({ id, name, costCenter }) => ({ id, name, costCenter })),
    people: people.map(({ id, name, email, teamIds }) => ({ id, name, email, teamIds })),
    servers: servers
      .filter((server) => server.status === 'active')
      .map(({ id, name, environment, sensitivity, dataClasses }) => ({
        id,
        name,
        environment,
        sensitivity,
        readingAsks: readingAsks({ environment, sensitivity, dataClasses }),
      })),
    personId: ctx.actor.id,
  }
}
