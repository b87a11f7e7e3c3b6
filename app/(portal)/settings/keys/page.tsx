import { RefreshCw, ShieldX } from 'lucide-react'
import type { Metadata } from 'next'
import { Badge, type Tone } from '#components/ui/badge.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can } from '#lib/auth/ctx.ts'
import { listSigningKeys } from '#lib/auth/queries.ts'
import type { SigningKeyView } from '#lib/auth/schema.ts'
import { paths } from '#lib/core/paths.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { rotateKey } from './actions.ts'

export const metadata: Metadata = { title: 'Signing keys' }

/** The keys that sign agent tokens: which one does, which one will, and which ones only verify what they signed. */
export default async function SigningKeysPage() {
  const ctx = await currentCtx()
  const problem = whyNot(ctx.actor, 'keys:rotate')
  const keys = can(ctx.actor, 'keys:rotate') ? await listSigningKeys(ctx) : null
  return (
    <>
      <PageHeader
        title="Signing keys"
        description={
          <>
            What signs the tokens that agents show the broker. They rotate by themselves every 30 days; verifiers read
            the public halves from{' '}
            <a href={paths.jwks()} className="text-accent underline">
              the JWK set
            </a>
            . Private halves are sealed and never shown.
          </>
        }
        actions={
          <>
            <ReasonButton
              label="Rotate now"
              icon={<RefreshCw aria-hidden />}
              variant="primary"
              title="Rotate the signing key"
              description="The next key is published at once and signs in two minutes. The present one goes on until then, and verifies until its last token has expired: no call fails."
              confirm="Rotate"
              action={rotateKey}
              input={{ withdraw: false }}
              whyNot={problem}
              said="The next key is published; it signs in two minutes."
            />
            <ReasonButton
              label="Withdraw all"
              icon={<ShieldX aria-hidden />}
              variant="danger-outline"
              title="Withdraw the signing keys"
              description="For keys that may be in other hands: every token that they signed ends now. Open runs get new ones by themselves, other clients have to ask again."
              confirm="Withdraw and rotate"
              typeToConfirm="withdraw"
              action={rotateKey}
              input={{ withdraw: true }}
              whyNot={problem}
              said="The old keys verify nothing any more."
            />
          </>
        }
      />
      {keys === null ? (
        <Notice title="You cannot see these">{problem}</Notice>
      ) : (
        <DataTable
          caption="Signing keys"
          columns={columns}
          rows={keys}
          rowKey={(key) => key.kid}
          empty={<EmptyState title="No token was signed yet">The first one makes the first key.</EmptyState>}
        />
      )}
    </>
  )
}

const looks: Record<SigningKeyView['state'], { label: string; tone: Tone; says: string }> = {
  waiting: { label: 'next', tone: 'accent', says: 'Published; signs once every verifier has seen it.' },
  signing: { label: 'current', tone: 'ok', says: 'Signs.' },
  verifying: { label: 'retired', tone: 'neutral', says: 'Verifies until its last token has expired.' },
  ended: { label: 'retired', tone: 'outline', says: 'Its last token has expired.' },
  withdrawn: { label: 'withdrawn', tone: 'danger', says: 'Verifies nothing.' },
}

const columns: readonly Column<SigningKeyView>[] = [
  {
    id: 'kid',
    header: 'Key',
    className: 'min-w-40',
    cell: ({ kid }) => <code className="text-xs break-all">{kid}</code>,
  },
  { id: 'algorithm', header: 'Algorithm', wide: true, cell: ({ algorithm }) => algorithm },
  {
    id: 'state',
    header: 'State',
    cell: ({ state }) => (
      <>
        <Badge tone={looks[state].tone}>{looks[state].label}</Badge>
        <span className="block max-w-xs text-[13px] text-muted-foreground">{looks[state].says}</span>
      </>
    ),
  },
  { id: 'since', header: 'Since', cell: ({ createdAt }) => <Time value={createdAt.toISOString()} /> },
  {
    id: 'until',
    header: 'Signs until',
    wide: true,
    cell: ({ retiredAt }) => <Time value={retiredAt?.toISOString() ?? null} fallback="the next rotation" />,
  },
  {
    id: 'used',
    header: 'Last signed',
    cell: ({ lastUsedAt }) => <Time value={lastUsedAt?.toISOString() ?? null} fallback="not known" />,
  },
]
