import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can } from '#lib/auth/ctx.ts'
import { listAgentCredentials } from '#lib/auth/queries.ts'
import type { AgentCredentialView } from '#lib/auth/schema.ts'
import type { AgentView } from '#lib/registry/schema.ts'
import type { PageCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { IssueCredentialButton } from './issue-credential-button.client.tsx'
import { RevokeCredentialButton } from './revoke-credential-button.client.tsx'

/** What the agent proves who it is with when something else than the harness runs it. */
export async function CredentialsCard({ ctx, agent }: { ctx: PageCtx; agent: AgentView }) {
  const credentials = await listAgentCredentials(ctx, agent.id)
  const ofTeam = whyNot(ctx.actor, 'agents:update', agent.owner)
  const central = can(ctx.actor, 'agents:suspend') || can(ctx.actor, 'agents:retire')
  return (
    <Card
      title="Credentials"
      description="For an agent that runs outside of the harness: it gets its short-lived broker tokens with one of these. Runs of the harness need none."
      actions={
        <IssueCredentialButton
          agentId={agent.id}
          agentName={agent.name}
          whyNot={agent.status === 'retired' ? 'A retired agent gets no credentials.' : ofTeam}
        />
      }
      flush
    >
      <DataTable
        caption={`Credentials of ${agent.name}`}
        columns={[...columns, revokeColumn(agent.id, central ? null : ofTeam)]}
        rows={credentials}
        rowKey={(credential) => credential.clientId}
        empty={
          <EmptyState title="It has no credential">It can be started here, and by nothing outside of it.</EmptyState>
        }
      />
    </Card>
  )
}

const columns: readonly Column<AgentCredentialView>[] = [
  {
    id: 'client',
    header: 'Client id',
    cell: ({ clientId }) => (
      <span className="flex items-center whitespace-nowrap">
        <code title={clientId} className="block max-w-40 min-w-0 truncate text-xs sm:max-w-none">
          {clientId}
        </code>
        <CopyButton text={clientId} what="client id" />
      </span>
    ),
  },
  {
    id: 'kind',
    header: 'Authenticates with',
    wide: true,
    cell: ({ kind }) => (kind === 'key' ? 'its own key' : 'a secret'),
  },
  { id: 'created', header: 'Created', wide: true, cell: ({ createdAt }) => <Time value={createdAt} /> },
  { id: 'used', header: 'Last used', cell: ({ lastUsedAt }) => <Time value={lastUsedAt} fallback="never" /> },
]

function revokeColumn(agentId: string, whyNotRevoke: string | null): Column<AgentCredentialView> {
  return {
    id: 'revoke',
    header: <span className="sr-only">Action</span>,
    cell: ({ clientId, revokedAt }) =>
      revokedAt === null ? (
        <RevokeCredentialButton agentId={agentId} clientId={clientId} whyNot={whyNotRevoke} />
      ) : (
        <Badge tone="neutral">
          revoked <Time value={revokedAt} />
        </Badge>
      ),
  }
}
