import pg from 'pg'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { SituationFacts } from '#lib/guardrails/schema/situations.ts'
import type { Verdict } from '#lib/guardrails/rules/replay.ts'

// A recorded audit log of a fleet, made in bulk: what the broker writes for each call, without the calls.

const environments = ['development', 'staging', 'production', 'production'] as const
const sensitivities = ['public', 'internal', 'confidential', 'restricted'] as const
const tiers = ['low', 'medium', 'high'] as const
const classes = ['read', 'read', 'write', 'destructive'] as const
const pick = <T>(list: readonly T[], at: number): T => list[at % list.length]!

/** So many different questions, of agents that hold a grant for a few tools of a few servers each. */
export function madeSituations(count: number): SituationFacts[] {
  return Array.from({ length: count }, (_, at) => {
    const agent = Math.floor(at / 8)
    const server = (agent * 7 + at * 3) % 30
    const toolClass = pick(classes, at * 5 + agent)
    const breakGlass = toolClass === 'destructive' && at % 5 === 0
    return {
      agent: {
        id: `agent-${agent}`,
        team: `team-${agent % 60}`,
        tier: pick(tiers, agent),
        template: `template-${agent % 9}`,
      },
      server: {
        id: `server-${server}`,
        environment: pick(environments, server),
        sensitivity: pick(sensitivities, server * 3),
        demo: false,
      },
      tool: { name: `${toolClass}_${at % 40}`, class: toolClass, isMethod: false },
      grants: [{ class: toolClass, toolName: null, via: breakGlass ? 'break_glass' : 'request' }],
      simulated: at % 11 === 0,
      breakGlass,
      session: { agentVersion: 1 + (agent % 4), startedBy: pick(['manual', 'schedule', 'api'] as const, at) },
    }
  })
}

/**
 * Fills the audit log with calls over 90 days, some situations far more often than others, each decided as `verdict` says; a part of them was
 * recorded before situations were, and a part was refused for other reasons.
 */
export async function fillLog(
  databaseUrl: string,
  options: { calls: number; situations: readonly SituationFacts[]; version: string; verdict: Verdict },
): Promise<{ rows: number }> {
  const { calls, situations, version, verdict } = options
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const made = situations.map((facts, at) => ({ at, digest: digestOf(facts), rule: verdict(facts, null), facts }))
    await client.query('create temporary table made ("at" int primary key, "digest" text, "rule" text, "facts" jsonb)')
    for (let at = 0; at < made.length; at += 1000) {
      const part = JSON.stringify(made.slice(at, at + 1000))
      await client.query(
        `insert into made select * from jsonb_to_recordset($1::jsonb) as m("at" int, "digest" text, "rule" text, "facts" jsonb)`,
        [part],
      )
    }
    await client.query(
      `insert into "PolicySituation" ("digest", "facts", "firstSeenAt") select distinct on ("digest") "digest", "facts", now() - interval '89 days' from made`,
    )
    await client.query('select setseed(0.4)')
    const { rowCount } = await client.query(logSql, [calls, made.length, version])
    await client.query('update "AuditHead" set "seq" = (select max("seq") from "AuditEvent")')
    await client.query('vacuum analyze "AuditEvent"')
    await client.query('vacuum analyze "PolicySituation"')
    return { rows: rowCount ?? 0 }
  } finally {
    await client.end()
  }
}

/** One in five rows is the intent of a change, as beside every call that changes something. */
const logSql = `
  insert into "AuditEvent" ("seq", "id", "at", "event", "actorKind", "actorId", "actorName", "subjectKind", "subjectId", "subjectName",
    "agentId", "teamId", "serverId", "tool", "runId", "decision", "rule", "detail")
  select (select "seq" from "AuditHead") + c."row", gen_random_uuid(), c."at", c."event", 'agent', c."agent", c."agent", 'tool',
    c."server" || '/' || c."tool", c."tool", c."agent", c."team", c."server", c."tool", gen_random_uuid(),
    case c."event" when 'mcp.call_allowed' then 'allow' when 'mcp.call_denied' then 'deny' end, c."refusedBy",
    jsonb_build_object('argumentsDigest', md5(c."row"::text) || md5(c."at"::text), 'class', c."class")
      || case c."event" when 'mcp.call_denied' then jsonb_build_object('message', 'The central policy refuses ' || c."tool")
        when 'mcp.call_allowed' then jsonb_build_object('outcome', 'ok', 'ms', (c."luck" * 400)::int) else '{}' end
      || case when c."event" <> 'mcp.call_intended' and not c."old" and (c."refusedBy" is null or c."rule" is not null)
        then jsonb_build_object('situation', c."digest", 'policyVersion', $3::text) else '{}' end
  from (
    select r."row", r."luck", r."row" < $1 / 50 as "old", now() - interval '90 days' + r."row" * interval '90 days' / ($1 * 5 / 4) as "at",
      case when r."row" % 5 = 0 then 'mcp.call_intended' when m."rule" is not null or r."luck" > 0.98 then 'mcp.call_denied' else 'mcp.call_allowed' end as "event",
      case when r."row" % 5 = 0 then null when m."rule" is not null then m."rule" when r."luck" > 0.98 then 'rate_limited' end as "refusedBy",
      m."rule", m."digest", m."facts"->'agent'->>'id' as "agent", m."facts"->'agent'->>'team' as "team",
      m."facts"->'server'->>'id' as "server", m."facts"->'tool'->>'name' as "tool", m."facts"->'tool'->>'class' as "class"
    from (select g as "row", random() as "luck", floor(power(random(), 2) * $2)::int as "which" from generate_series(1, $1 * 5 / 4) g) r
    join made m on m."at" = r."which"
    order by r."row"
  ) c`
