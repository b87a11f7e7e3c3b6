import type { Metadata } from 'next'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { listPeople, listServers, listTeams } from '#lib/registry/queries.ts'
import { getTemplate, listTemplates } from '#lib/templates/queries.ts'
import { currentCtx, type PageCtx } from '#lib/web/ctx.ts'
import type { Choices } from './draft.ts'
import { Wizard } from './wizard.client.tsx'

export const metadata: Metadata = { title: 'New agent' }

export default async function NewAgentPage({ searchParams }: { searchParams: Promise<{ template?: string }> }) {
  const ctx = await currentCtx()
  const { template } = await searchParams
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
  return (
    <>
      {header}
      {choices.teams.length === 0 ? (
        <Notice kind="warn" title="You belong to no team">
          Every agent has an owner team. Ask a platform admin to add you to yours.
        </Notice>
      ) : (
        <Wizard choices={choices} template={template} />
      )}
    </>
  )
}

async function readChoices(ctx: PageCtx): Promise<Choices> {
  const [rows, teams, people, servers] = await Promise.all([
    listTemplates(ctx),
    listTeams(ctx),
    listPeople(ctx, { active: true }),
    listServers(ctx),
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
      .map(({ id, name, environment, sensitivity }) => ({ id, name, environment, sensitivity })),
    personId: ctx.actor.id,
  }
}
