import Link from 'next/link'
import type { Column } from '#components/ui/data-table.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { Actor } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import type { ServerHolder, ServerView } from '#lib/registry/schema.ts'
import { whyNotTakeBack } from '#lib/web/why-not.ts'
import { revoke } from './actions.ts'

/** Who holds what on a server, each to be revoked by whoever may. */
export function holderColumnsOf(server: ServerView, actor: Actor): readonly Column<ServerHolder>[] {
  return [...holderColumns, revokeColumn(server, actor)]
}

const holderColumns: readonly Column<ServerHolder>[] = [
  {
    id: 'agent',
    header: 'Agent',
    className: 'max-w-60 md:max-w-md',
    cell: (holder) => (
      <Link href={paths.agent(holder.agent.id, 'scopes')} className="font-medium text-accent hover:underline">
        {holder.agent.name}
      </Link>
    ),
  },
  { id: 'owner', header: 'Owner', cell: (holder) => holder.owner.name },
  { id: 'status', header: 'Status', wide: true, cell: (holder) => <Status state={holder.agent.status} /> },
  {
    id: 'scope',
    header: 'Scope',
    cell: (holder) => <ScopeBadge toolClass={holder.class} toolName={holder.toolName} />,
  },
  { id: 'until', header: 'Until', cell: (holder) => <Time value={holder.expiresAt} fallback="until revoked" /> },
]

function revokeColumn(server: ServerView, actor: Actor): Column<ServerHolder> {
  return {
    id: 'revoke',
    header: <span className="sr-only">Revoke</span>,
    cell: (holder) => (
      <ReasonButton
        label="Revoke"
        title={`Revoke ${holder.class} on ${server.name}`}
        description={`${holder.agent.name} loses it at once, calls under way included.`}
        confirm="Revoke"
        action={revoke}
        input={{ grantId: holder.grantId }}
        whyNot={whyNotTakeBack(actor, holder)}
        size="sm"
        said="The grant is revoked."
      />
    ),
  }
}
