import Link from 'next/link'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { setByOf } from '#lib/guardrails/queries/explanation/set-by.ts'
import type { ServerView } from '#lib/registry/schema.ts'
import { setStatus } from './change-actions.ts'

type Props = { server: Pick<ServerView, 'id' | 'name' | 'status' | 'statusReason'>; whyNot: string | null }

/** Takes a server away from every agent, for a reason, or gives it back. */
export function AvailabilitySwitch({ server: { id, name, status }, whyNot }: Props) {
  return status === 'active' ? (
    <ReasonButton
      label={
        <>
          Disable<span className="sr-only"> {name}</span>
        </>
      }
      title={`Disable ${name}`}
      description="Within a second no agent reaches it any more: calls under way and held ones end, and further ones are refused and told the reason. Grants, tools and credentials stay as they are."
      confirm="Disable it"
      action={setStatus}
      input={{ serverId: id, status: 'disabled' }}
      said={`${name} is disabled.`}
      whyNot={whyNot}
    />
  ) : (
    <ConfirmButton
      label="Enable"
      object={name}
      size="md"
      variant="primary"
      title={`Enable ${name}`}
      description="Within a second agents reach it again, as far as their grants and its approved tools go."
      confirm="Enable it"
      action={setStatus}
      input={{ serverId: id, status: 'active' }}
      said={`${name} is enabled.`}
      whyNot={whyNot}
    />
  )
}

/** What it means for agents that a server is disabled, whose doing that is and why, and how it is enabled. */
export async function DisabledNotice({ ctx, server: { id, status, statusReason }, whyNot }: Props & { ctx: Ctx }) {
  if (status !== 'disabled') return null
  const rule = 'server_disabled'
  const { by, at } = await setByOf(ctx, { rule, serverId: id, facts: {}, agentId: null, tool: null, at: ctx.now })
  return (
    <Notice kind="warn" className="mb-5" title="This server is disabled: no agent reaches it">
      <p>
        Every call is refused by the rule{' '}
        <Link href={paths.rule(rule, { server: id })} className="underline">
          {rule}
        </Link>
        , its tools are in no agent’s list, and no broker asks it anything. Grants on it stay; new ones are not given.
      </p>
      {(by || statusReason) && (
        <p>
          {by ? (
            <>
              {by.name} disabled it <Time value={at} />
            </>
          ) : (
            'It was disabled'
          )}
          {statusReason ? `: ${statusReason}` : '.'}
        </p>
      )}
      <p>
        {whyNot === null ? (
          <>
            <em>Enable</em> above lets agents reach it again; so does <code>wheelhouse servers enable {id}</code>.
          </>
        ) : (
          `Whoever manages servers can enable it. ${whyNot}`
        )}
      </p>
    </Notice>
  )
}
