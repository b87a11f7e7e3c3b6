import { Notice } from '#components/ui/notice.tsx'
import { RefreshWhile } from '#components/ui/refresh-while.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { PolicyReplayView } from '#lib/guardrails/schema/replays.ts'

/** How far a replay is, or what it says; it looks again by itself while it is under way. */
export function ReplayOutcome({ replay }: { replay: PolicyReplayView }) {
  const { state, says, error, outdated } = replay
  const open = state === 'queued' || state === 'running'
  return (
    <div className="space-y-2 text-sm">
      <RefreshWhile active={open} />
      <p className="text-[13px] text-muted-foreground">
        Calls from <Time value={replay.from} /> to <Time value={replay.to} />, asked for by {replay.requestedBy}.
      </p>
      {open && <Progress replay={replay} />}
      {state === 'cancelled' && <p>It was cancelled; nothing of it is kept.</p>}
      {state === 'failed' && (
        <Notice kind="danger" title="It failed">
          {error}
        </Notice>
      )}
      {outdated && <Notice kind="warn">The set has another text by now: this is about the one before.</Notice>}
      {says.length > 0 && (
        <>
          <p className="text-base font-semibold">{says[0]}</p>
          <ul className="space-y-1">
            {says.slice(1).map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </>
      )}
    </div>
  )
}

function Progress({ replay: { state, progress } }: { replay: PolicyReplayView }) {
  const percent = Math.floor(progress * 100)
  return (
    <div role="status" className="max-w-md space-y-1">
      <p>{state === 'queued' ? 'It waits for the worker.' : `Reading what is on record: ${percent} %`}</p>
      <progress aria-label="Progress of the replay" className="h-2 w-full accent-accent" max={100} value={percent} />
      <p className="text-[13px] text-muted-foreground">You can leave this page; it goes on.</p>
    </div>
  )
}
