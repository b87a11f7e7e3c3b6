import Link from 'next/link'
import { ReplayOutcome } from '#components/guardrails/replay-outcome.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { listPolicyReplays } from '#lib/guardrails/queries.ts'
import type { PolicySetDetail } from '#lib/guardrails/schema/policy-sets.ts'
import type { PolicyReplayView } from '#lib/guardrails/schema/replays.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { cancelReplay } from '../replays/actions.ts'
import { StartReplay } from './start-replay.client.tsx'

/** What recorded calls would have been under a set: the last replay, those before it, and another one. */
export async function ReplayReport({ set }: { set: PolicySetDetail }) {
  const ctx = await currentCtx()
  const reads = can(ctx.actor, 'audit:read')
  const { items } = reads ? await listPolicyReplays(ctx, { number: set.number, limit: 5 }) : { items: [] }
  const [last, ...earlier] = items
  const open = last?.state === 'queued' || last?.state === 'running'
  const whyNotStart = open
    ? 'It is being replayed already: wait for the report, or cancel it.'
    : whyNot(ctx.actor, 'policies:manage')
  return (
    <Card
      title="Replay"
      description="Decides recorded calls again as this set would decide them. Nothing is called, and nothing changes."
      actions={last && <ReplayActions replay={last} open={open} whyNotCancel={whyNot(ctx.actor, 'policies:manage')} />}
    >
      <div className="space-y-4">
        {last ? <ReplayOutcome replay={last} /> : <p className="text-sm">{nothingYet(reads, set)}</p>}
        {!open && <StartReplay number={set.number} whyNot={whyNotStart} />}
        {earlier.length > 0 && <Earlier replays={earlier} />}
      </div>
    </Card>
  )
}

function nothingYet(reads: boolean, set: PolicySetDetail): string {
  if (reads) return 'No recorded calls were replayed with this set yet.'
  return set.trial.replay
    ? 'Recorded calls were replayed with this text. Reports are for those who may read the audit log.'
    : 'No recorded calls were replayed with this text.'
}

function ReplayActions({
  replay,
  open,
  whyNotCancel,
}: {
  replay: PolicyReplayView
  open: boolean
  whyNotCancel: string | null
}) {
  return (
    <>
      {open && !whyNotCancel && (
        <ConfirmButton
          label="Cancel"
          object="this replay"
          title="Cancel this replay"
          description="What it has read so far is given up. It can be started again."
          confirm="Cancel the replay"
          action={cancelReplay}
          input={{ replayId: replay.id }}
          said="The replay is cancelled."
        />
      )}
      {replay.state === 'done' && (
        <Button asChild size="sm">
          <Link href={paths.policyReplay(replay.id)}>Which calls</Link>
        </Button>
      )}
    </>
  )
}

function Earlier({ replays }: { replays: readonly PolicyReplayView[] }) {
  return (
    <div>
      <h3 className="mb-1 text-[13px] font-medium">Before</h3>
      <ul className="space-y-1 text-[13px]">
        {replays.map((replay) => (
          <li key={replay.id}>
            <Link href={paths.policyReplay(replay.id)} className="text-accent underline">
              <Time value={replay.createdAt} />
            </Link>
            : {replay.says[0] ?? replay.state}
            {replay.outdated && ' Of an earlier text.'}
          </li>
        ))}
      </ul>
    </div>
  )
}
