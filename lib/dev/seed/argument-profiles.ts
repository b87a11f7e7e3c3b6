import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { observeArguments } from '#lib/guardrails/rules/argument-observation.ts'
import {
  addPaths,
  joinCounts,
  pathsOf,
  privateDataClasses,
  withoutTexts,
} from '#lib/registry/rules/argument-profile.ts'
import type { ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'
import { createRandom } from '../demo/data/random.ts'
import { demoServerEntries } from '../demo/catalog.ts'
import { argumentsOfAgents } from './arguments.ts'
import { seedOf } from './demo-uuid.ts'

/** Calls of a day that are made up; the others had the arguments of one of these. */
const madeUpMax = 6
const dayMs = 86_400_000

type DayOfTool = { agentId: string; serverId: string; tool: string; day: string; calls: number; lastAt: string }
type Profile = ArgumentProfile & { agentId: string; serverId: string; tool: string; week: string }

/** What the arguments of the calls in seeded traffic were like, as the worker would have added them up, where the demo says so. */
export async function insertArgumentProfiles(tx: Tx, days: readonly DayOfTool[]): Promise<void> {
  const added = profilesOf(days)
  if (added.length === 0) return
  // A worker may be adding up the same week.
  await tx.$queryRaw`select 1 from "TrafficCursor" where "id" = 2 for update`
  const stored = await tx.argumentProfile.findMany({
    where: {
      agentId: { in: [...new Set(added.map(({ agentId }) => agentId))] },
      week: { in: [...new Set(added.map(({ week }) => week))].map((week) => new Date(week)) },
    },
  })
  const fresh: Prisma.ArgumentProfileCreateManyInput[] = []
  for (const { agentId, serverId, tool, week, ...profile } of added) {
    const key = { agentId, serverId, tool, week: new Date(week) }
    const before = stored.find((row) =>
      Object.entries(key).every(([name, value]) => String(row[name as keyof typeof key]) === String(value)),
    )
    if (!before) fresh.push({ ...key, ...profile })
    else {
      const paths = addPaths(before.paths as ArgumentProfile['paths'], profile.paths)
      const data = { ...joinCounts(countsOf(profile), before), paths }
      await tx.argumentProfile.update({ where: { agentId_week_serverId_tool: key }, data })
    }
  }
  await tx.argumentProfile.createMany({ data: fresh })
}

function profilesOf(days: readonly DayOfTool[]): Profile[] {
  const profiles = new Map<string, Profile>()
  for (const each of days) {
    const { agentId, serverId, tool, day, calls, lastAt } = each
    if (!argumentsOfAgents[agentId]?.tools[`${serverId} ${tool}`] || calls === 0) continue
    const week = mondayOf(day)
    const key = `${agentId} ${serverId} ${tool} ${week}`
    const firstAt = new Date(Math.min(Date.parse(`${day}T05:00:00Z`), Date.parse(lastAt)))
    const counts = { calls, unknown: 0, known: calls, firstAt }
    const before = profiles.get(key)
    const paths = addPaths(before?.paths ?? {}, pathsOn(each))
    profiles.set(key, {
      agentId,
      serverId,
      tool,
      week,
      ...(before ? joinCounts(countsOf(before), counts) : counts),
      paths,
    })
  }
  return [...profiles.values()]
}

function countsOf({ calls, unknown, known, firstAt }: ArgumentProfile): Omit<ArgumentProfile, 'paths'> {
  return { calls, unknown, known, firstAt }
}

/** Drawn from agent, tool and day alone, as the traffic is. */
function pathsOn({ agentId, serverId, tool, day, calls }: DayOfTool): ArgumentProfile['paths'] {
  const call = argumentsOfAgents[agentId]!.tools[`${serverId} ${tool}`]!
  const random = createRandom(seedOf(`arguments of ${agentId} ${serverId} ${tool} ${day}`))
  const isPrivate = demoServerEntries
    .find(({ id }) => id === serverId)!
    .dataClasses.some((each) => (privateDataClasses as readonly string[]).includes(each))
  let paths: ArgumentProfile['paths'] = {}
  const madeUp = Math.min(calls, madeUpMax)
  for (let at = 0; at < madeUp; at += 1) {
    const observed = observeArguments(call(random))
    const times = Math.floor(calls / madeUp) + (at < calls % madeUp ? 1 : 0)
    paths = addPaths(paths, calledTimes(pathsOf(isPrivate ? withoutTexts(observed) : observed), times))
  }
  return paths
}

/** What as many calls with the same arguments had. */
function calledTimes(paths: ArgumentProfile['paths'], times: number): ArgumentProfile['paths'] {
  for (const path of Object.values(paths)) {
    path.calls *= times
    for (const counted of path.values ?? []) counted[1] *= times
  }
  return paths
}

function mondayOf(day: string): string {
  const at = new Date(day)
  return new Date(at.getTime() - ((at.getUTCDay() + 6) % 7) * dayMs).toISOString().slice(0, 10)
}
