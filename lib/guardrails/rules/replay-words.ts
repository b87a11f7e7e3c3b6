import type { ReplayFigures } from '../schema/replays.ts'

/** A replay's figures in sentences, the most important first. */
export function replaySays(figures: ReplayFigures): string[] {
  const { calls, unjudged, unjudgedUntil, untouched, strangers } = figures
  const says = differenceSays(figures)
  if (figures.otherRule > 0)
    says.push(
      `Would have refused ${counted(figures.otherRule, 'refused call')} by another policy than the one that did.`,
    )
  if (unjudged > 0) {
    const until = unjudgedUntil === null ? '' : ` Recorded until ${unjudgedUntil.slice(0, 16).replace('T', ' ')} UTC.`
    says.push(
      `${number(unjudged)} of ${counted(calls, 'call')} (${share(unjudged, calls)}) cannot be replayed: what the policies were asked is not on record.${until}`,
    )
  }
  if (untouched > 0) {
    const were = untouched === 1 ? 'was' : 'were'
    says.push(
      `${counted(untouched, 'call')} ${were} refused for another reason than the policies, which no policy changes.`,
    )
  }
  if (strangers > 0)
    says.push(
      `${counted(strangers, 'request')} of callers that are no agent ${strangers === 1 ? 'was' : 'were'} refused before any policy was asked.`,
    )
  const { differences, calls: callsLeftOut } = figures.leftOut
  if (differences > 0) {
    const are = differences === 1 ? 'is' : 'are'
    says.push(
      `More differs than a report keeps: ${counted(differences, 'difference')}, of ${counted(callsLeftOut, 'call')}, ${are} counted above and left out of the lists by agent, tool and policy and of the calls to open.`,
    )
  }
  if (figures.unreproduced > 0) {
    const were = figures.unreproduced === 1 ? 'was' : 'were'
    says.push(
      `${counted(figures.unreproduced, 'call')} ${were} decided otherwise by this very text. That must not be: tell the platform team.`,
    )
  }
  return says
}

/** How many calls a set would have blocked and allowed, in the words of every report about a set. */
export function differenceSays({
  judged,
  blocked,
  permitted,
}: Pick<ReplayFigures, 'judged' | 'blocked' | 'permitted'>): string[] {
  const says: string[] = []
  if (judged === 0) says.push('There is no call on record that it could be asked about.')
  else if (blocked.calls === 0) says.push(`Would have blocked none of ${counted(judged, 'call')}.`)
  else
    says.push(
      `Would have blocked ${number(blocked.calls)} of ${counted(judged, 'call')}, by ${counted(blocked.agents, 'agent')}.`,
    )
  if (permitted.calls > 0) {
    const were = permitted.calls === 1 ? 'was' : 'were'
    says.push(
      `Would have allowed ${counted(permitted.calls, 'call')} that ${were} refused, by ${counted(permitted.agents, 'agent')}.`,
    )
  }
  return says
}

/** A replay as the audit log names it; `number` is null for a text that is not saved. */
export function replaySubject(id: string, number: number | null) {
  const name = number === null ? 'Replay of a text that is not saved' : `Replay of policy set ${number}`
  return { kind: 'policy_replay', id, name }
}

function counted(count: number, one: string): string {
  return `${number(count)} ${one}${count === 1 ? '' : 's'}`
}

function number(count: number): string {
  return count.toLocaleString('en-US')
}

/** Never 0 % of something, and never all of it when some is left. */
function share(part: number, whole: number): string {
  const percent = (100 * part) / whole
  if (percent < 0.1) return 'less than 0.1 %'
  if (percent > 99.9 && part < whole) return 'more than 99.9 %'
  return `${percent.toFixed(1).replace(/\.0$/, '')} %`
}
