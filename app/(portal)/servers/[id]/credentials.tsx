import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { type CredentialView, expiryWarningMs, type ServerView } from '#lib/registry/schema.ts'
import { credentialKindText } from '#lib/registry/schema/credentials.ts'
import { portalClient } from '#lib/web/upstream-client.ts'
import { CredentialControls } from './credential-controls.client.tsx'
import { SetCredentialButton } from './set-credential.client.tsx'

type Team = { id: string; name: string }
type Props = { server: ServerView; teams: readonly Team[]; whyNot: string | null; now: Date }

/** What the broker shows the server, for all and for single teams: everything about it but the secret. */
export function Credentials({ server, teams, whyNot, now }: Props) {
  const ending = server.credentials.filter((credential) => endsSoon(credential, now))
  const unconfirmed = server.credentials.filter(isUnconfirmed)
  return (
    <section>
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
        <h2 className="text-sm font-semibold">Credentials</h2>
        <SetCredentialButton
          serverId={server.id}
          variables={server.command && server.command.env}
          teams={teams}
          redirectUrl={portalClient().redirectUrl}
          whyNot={whyNot}
        />
      </div>
      {ending.length > 0 && (
        <Notice kind="warn" className="mb-3" title={`${plural(ending.length, 'credential')} to replace`}>
          {ending.map((credential) => (
            <p key={credential.team?.id ?? ''}>
              The credential of {whose(credential)} {hasEnded(credential, now) ? 'ended' : 'ends'}{' '}
              <Time value={credential.expiresAt} />.{' '}
              {hasEnded(credential, now)
                ? 'Set another one: calls over it fail as soon as the server refuses it.'
                : 'Set another one before: from then on the server will refuse it.'}
            </p>
          ))}
        </Notice>
      )}
      {unconfirmed.length > 0 && (
        <Notice kind="warn" className="mb-3" title={`${plural(unconfirmed.length, 'credential')} to confirm`}>
          {unconfirmed.map((credential) => (
            <p key={credential.team?.id ?? ''} className="break-words">
              The OAuth client of {whose(credential)} was set without its authorization server.{' '}
              {credential.settings.issuer
                ? `The MCP server named ${credential.settings.issuer} first; no other gets its secret.`
                : 'The one that the MCP server names with the next call gets its secret, and no other after that.'}{' '}
              Set it again with the one that it is for.
            </p>
          ))}
        </Notice>
      )}
      <DataTable
        caption={`Credentials of ${server.name}`}
        columns={[...(server.command ? programColumns : columns), controls(server.id, whyNot)]}
        rows={server.credentials}
        rowKey={(credential) => credential.team?.id ?? ''}
        empty={
          <EmptyState title="No credential is set">
            {server.command
              ? server.command.env.length > 0
                ? `The program is started without values of ${server.command.env.join(', ')}.`
                : 'Its program takes no variables: it needs none.'
              : 'The broker calls the server without one. If it asks for one, calls are refused until it is set here.'}
          </EmptyState>
        }
      />
    </section>
  )
}

/** How the authorization ended that a person just came back from. */
export function AuthorizationOutcome({ outcome }: { outcome: string | string[] | undefined }) {
  if (outcome === 'done')
    return (
      <Notice kind="ok" className="mb-5" title="Authorized">
        The tokens are sealed. The broker refreshes them by itself.
      </Notice>
    )
  if (outcome !== 'failed') return null
  return (
    <Notice kind="danger" className="mb-5" title="Not authorized">
      It did not come to tokens, and nothing has changed. The{' '}
      <Link href={paths.audit()} className="underline">
        audit log
      </Link>{' '}
      says why.
    </Notice>
  )
}

const columns: readonly Column<CredentialView>[] = [
  {
    id: 'team',
    header: 'For',
    cell: (credential) => (credential.team ? credential.team.name : 'every team without its own'),
  },
  {
    id: 'kind',
    header: 'Kind',
    cell: (credential) => (
      <>
        {kindText(credential)}
        {details(credential).map((detail) => (
          <span key={detail} className="block text-[13px] break-all text-muted-foreground">
            {detail}
          </span>
        ))}
      </>
    ),
  },
  {
    id: 'set',
    header: 'Set',
    wide: true,
    cell: (credential) => (
      <>
        <Time value={credential.updatedAt} />
        {credential.setBy && <span className="block text-[13px] text-muted-foreground">by {credential.setBy}</span>}
        {credential.reason && (
          <span className="block text-[13px] break-words text-muted-foreground">{credential.reason}</span>
        )}
      </>
    ),
  },
  { id: 'used', header: 'Last used', cell: (credential) => <Time value={credential.lastUsedAt} fallback="never" /> },
  {
    id: 'ends',
    header: 'Ends',
    wide: true,
    cell: (credential) => (
      <>
        <Time value={credential.expiresAt} fallback="not known" />
        {credential.tokensExpireAt && (
          <span className="block text-[13px] text-muted-foreground">
            token <Time value={credential.tokensExpireAt} />, then refreshed
          </span>
        )}
      </>
    ),
  },
  {
    id: 'state',
    header: 'Last error',
    cell: ({ lastError, wantedScope }) =>
      lastError ? (
        <>
          <Badge tone="danger">error</Badge> <Time value={lastError.at} />
          <span className="block text-[13px] break-words text-muted-foreground">{lastError.message}</span>
          {wantedScope && <span className="block text-[13px] break-all">Wanted: {wantedScope}</span>}
        </>
      ) : (
        <span className="text-muted-foreground">none</span>
      ),
  },
]

/** Of a program it is what its variables are set to. */
const programColumns = columns.map((column) =>
  column.id === 'kind'
    ? {
        ...column,
        cell: (of: CredentialView) => (of.kind === 'bearer' ? credentialKindText(of.kind, true) : column.cell(of)),
      }
    : column,
)

function controls(serverId: string, whyNot: string | null): Column<CredentialView> {
  return {
    id: 'controls',
    header: <span className="sr-only">Change</span>,
    cell: (credential) => (
      <CredentialControls
        serverId={serverId}
        teamId={credential.team?.id ?? null}
        whose={whose(credential)}
        byPerson={credential.kind === 'oauth_person'}
        whyNot={whyNot}
      />
    ),
  }
}

function whose({ team }: CredentialView): string {
  return team ? team.name : 'the server'
}

function kindText({ kind, headerName }: CredentialView): string {
  const text = credentialKindText(kind, false)
  return headerName ? `${text}: ${headerName}` : text
}

function details({ settings }: CredentialView): string[] {
  const { clientId, method, scope, issuer, subject } = settings
  return [
    clientId && `client ${clientId}${method ? `, ${method}` : ''}`,
    issuer && `at ${issuer}`,
    scope && `scopes ${scope}`,
    subject,
  ].filter((detail): detail is string => !!detail)
}

/** Nobody has said which authorization server may get its secret. */
function isUnconfirmed({ kind, settings }: CredentialView): boolean {
  return kind === 'oauth_client' && (settings.issuer === undefined || settings.issuerFrom === 'server')
}

function endsSoon({ expiresAt }: CredentialView, now: Date): boolean {
  return expiresAt !== null && new Date(expiresAt).getTime() - now.getTime() < expiryWarningMs
}

function hasEnded({ expiresAt }: CredentialView, now: Date): boolean {
  return expiresAt !== null && new Date(expiresAt) <= now
}
