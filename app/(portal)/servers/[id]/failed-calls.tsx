import Link from 'next/link'
import { RuleLink } from '#components/rules/rule-link.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { lastFailedCalls } from '#lib/audit/queries.ts'
import { type FailedCall, failureText } from '#lib/audit/schema.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'

/** The last calls that failed here, however long ago: when, by whom, and why as far as it is on record. */
export async function FailedCalls({ ctx, serverId }: { ctx: Ctx; serverId: string }) {
  const calls = await lastFailedCalls(ctx, { serverId, limit: 5 })
  if (calls.length === 0) return null
  return (
    <section className="mt-5">
      <h3 className="mb-2 text-sm font-semibold">Last errors</h3>
      <DataTable caption="Last errors" columns={columns} rows={calls} rowKey={({ decision }) => decision} />
    </section>
  )
}

const columns: readonly Column<FailedCall>[] = [
  { id: 'at', header: 'When', cell: ({ at }) => <Time value={at} /> },
  {
    id: 'tool',
    header: 'Tool',
    className: 'md:min-w-40',
    cell: (call) => (
      <>
        <code className="text-[13px] break-all">{call.tool}</code>
        <div className="mt-1 space-y-1 md:hidden">
          <p>
            <CallingAgent call={call} />
          </p>
          <p>
            <Reason call={call} />
          </p>
        </div>
      </>
    ),
  },
  {
    id: 'agent',
    header: 'Agent',
    className: 'min-w-40',
    wide: true,
    cell: (call) => <CallingAgent call={call} />,
  },
  {
    id: 'reason',
    header: 'Reason',
    className: 'min-w-56',
    wide: true,
    cell: (call) => <Reason call={call} />,
  },
]

function CallingAgent({ call: { agent } }: { call: FailedCall }) {
  return (
    <Link href={paths.agent(agent.id)} className="text-accent hover:underline">
      {agent.name}
    </Link>
  )
}

function Reason({ call: { decision, rule, reason, outcome } }: { call: FailedCall }) {
  return (
    <>
      <span className="break-words">{reason ?? failureText[outcome]}</span>{' '}
      {rule ? (
        <RuleLink as="id" id={rule} decisionId={decision} />
      ) : (
        <Link href={paths.decision(decision)} className="text-xs underline decoration-dotted underline-offset-2">
          why
        </Link>
      )}
    </>
  )
}
