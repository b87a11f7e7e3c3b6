import Link from 'next/link'
import { plural } from '#components/ui/count.ts'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { ServerTools, StaleToolset } from '#lib/scopes/schema/toolsets.ts'

/** Which open sessions list other tools at Claude than the agent has now, and what comes of their calls. */
export function StaleSessions({ sessions }: { sessions: readonly StaleToolset[] }) {
  if (sessions.length === 0) return null
  const losing = sessions.filter(({ lost }) => lost.length > 0)
  return (
    <Notice
      kind={losing.length > 0 ? 'warn' : 'info'}
      title={`${plural(sessions.length, 'open session')} began with other tools`}
    >
      <p>
        A session lists at Claude what it began with, until it ends.
        {losing.length > 0 &&
          ' Calls of what is not granted any more are refused by the broker, with the rule; the session goes on.'}
      </p>
      <ul aria-label="Sessions with other tools" className="mt-2 space-y-1.5">
        {sessions.map((session) => (
          <li key={session.runId}>
            <Link href={paths.run(session.runId)} className="underline underline-offset-2">
              Session that began <Time value={session.beganAt} />
            </Link>
            {session.lost.map((part) => (
              <span key={part.serverId} className="block text-[13px]">
                still lists {toolText(part)}: refused since <Time value={part.since} />
              </span>
            ))}
            {session.gained.map((part) => (
              <span key={part.serverId} className="block text-[13px]">
                may not list {toolText(part)} yet: granted since it began
              </span>
            ))}
          </li>
        ))}
      </ul>
    </Notice>
  )
}

function toolText({ serverId, tools }: ServerTools) {
  return (
    <span className="font-mono text-xs">
      {serverId}: {tools.join(', ')}
    </span>
  )
}
