import Link from 'next/link'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { setByOf } from '#lib/guardrails/queries/explanation/set-by.ts'
import type { ServerRow } from '#lib/registry/schema.ts'
import { setStatus } from './change-actions.ts'

type Props = { server: Pick<ServerRow, 'id' | 'name' | 'status'>; whyNot: string | null }

/** Takes a server away from every agent, or gives it back. */
export function AvailabilitySwitch({ server: { id, name, status }, whyNot }: Props) {
  const isActive = status === 'active'
  return (
    <ConfirmButton
      label={isActive ? 'Disable' : 'Enable'}
      object={name}
      size="md"
      variant={isActive ? undefined : 'primary'}
      title={`${isActive ? 'Disable' : 'Enable'} ${name}`}
      description={
        isActive
          ? 'Within a second no agent reaches it any more: calls under way and held ones end, and further ones are refused. Grants, tools and credentials stay as they are.'
          : 'Within a second agents reach it again, as far as their grants and its approved tools go.'
      }
      confirm={isActive ? 'Disable it' : 'Enable it'}
      action={setStatus}
      input={{ serverId: id, status: isActive ? 'disabled' : 'active' }}
      said={isActive ? `${name} is disabled.` : `${name} is enabled.`}
      whyNot={whyNot}
    />
  )
}

/** What it means for agents that a server is disabled, whose doing that is, and how it is enabled. */
export async function DisabledNotice({ ctx, server: { id, status }, whyNot }: Props & { ctx: Ctx }) {
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
        {by && (
          <>
            {' '}
            {by.name} disabled it <Time value={at} />.
          </>
        )}
      </p>
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
