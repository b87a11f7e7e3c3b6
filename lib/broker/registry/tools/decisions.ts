import { z } from 'zod'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { simulate } from '#lib/guardrails/queries/explanation/simulate.ts'
import { explainedOutcomes, type Explanation, runTriggers } from '#lib/guardrails/schema/explanation.ts'
import { registryTool } from '../tool.ts'
import { agentId, line, serverId } from '../words.ts'

const textMax = 500
const factsMax = 30

const explanation = z.object({
  outcome: z.enum(explainedOutcomes),
  rule: z.string().nullable().describe('What refused or held it.'),
  title: z.string(),
  meaning: z.string(),
  message: z.string().nullable().describe('What was said about this very case.'),
  step: z.string().nullable().describe('The step of deciding that refused or held it; those before it were passed.'),
  open: z.array(z.string()).describe('Steps whose answer cannot be known from here.'),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).nullable()),
  setBy: z.string().nullable(),
  changedBy: z.object({ roles: z.array(z.string()), how: z.string() }).nullable(),
  remedy: z.string().nullable(),
})

export const explain = registryTool({
  name: 'explain_decision',
  title: 'Explain a decision',
  description:
    'Why a call or a run was allowed, refused or held, by the id of its audit event: the rule, the step, the facts of that instant, who can change it; and of a call, whether it would be decided otherwise now, and what happened in between.',
  permission: 'runs:read',
  input: z.strictObject({ id: z.uuid().describe('The id of an audit event.') }),
  output: explanation.extend({
    at: z.string(),
    now: z
      .object({
        outcome: z.string(),
        rule: z.string().nullable(),
        title: z.string(),
        differs: z.boolean(),
        because: z.array(z.string()),
      })
      .nullable(),
  }),
  async run(ctx, { id }, brokers) {
    const explained = await explainDecision(ctx, { id }, brokers)
    const { at, now } = explained
    const structured = {
      ...shown(explained),
      at,
      now: now && {
        outcome: now.outcome,
        rule: now.rule,
        title: now.title,
        differs: now.differs,
        because: now.because.map(({ text }) => short(text)),
      },
    }
    const today = structured.now
      ? [`Now: ${structured.now.outcome}, ${structured.now.title}.`, ...structured.now.because]
      : []
    return { structured, text: [at, ...linesOf(structured), ...today].join('\n') }
  },
})

export const simulateCall = registryTool({
  name: 'simulate_call',
  title: 'Simulate a call',
  description:
    'What the broker would decide about a call of an agent, now, at an instant to come, or as of one that was: by the same functions over the same facts. Nothing is called. Of the arguments the audit log has a digest only.',
  permission: 'agents:read',
  input: z.strictObject({
    agentId,
    serverId,
    tool: z.string().min(1).max(200).describe('The name of a tool, or `method:` and that of a method.'),
    arguments: z.record(z.string(), z.json()).optional().describe('Left out: whatever they are.'),
    at: z.string().max(40).optional().describe('An instant (ISO 8601); left out: now.'),
    startedBy: z.enum(runTriggers).optional().describe('How the run was started that it is made in; left out: no run.'),
    behindId: z
      .uuid()
      .optional()
      .describe(
        'The person who started that run, or issued the credential; left out: not known, and then no bypass of a hold rule lets it through.',
      ),
  }),
  output: explanation.extend({ at: z.string(), policyVersion: z.string(), grantId: z.string().nullable() }),
  agentOf: (input) => input.agentId,
  async run(ctx, { arguments: given = null, startedBy = null, at: instant, ...call }, brokers) {
    const at = instant === undefined ? {} : { at: instant }
    const simulated = await simulate(ctx, { ...call, ...at, arguments: given, startedBy }, brokers)
    const { policyVersion, grant } = simulated
    const structured = { ...shown(simulated), at: simulated.at, policyVersion, grantId: grant?.id ?? null }
    return { structured, text: [simulated.at, ...linesOf(structured)].join('\n') }
  },
})

type Shown = z.input<typeof explanation>

function shown(of: Explanation): Shown {
  const { outcome, rule, title, step, facts, changedBy } = of
  const setBy = of.setBy?.by ? `${of.setBy.text}: ${of.setBy.by.name}` : (of.setBy?.text ?? null)
  return {
    outcome,
    rule,
    title,
    meaning: short(of.meaning),
    message: of.message === null ? null : short(of.message),
    step,
    open: of.steps.filter((each) => each.outcome === 'unknown').map(({ id }) => id),
    facts: Object.fromEntries(
      Object.entries(facts)
        .slice(0, factsMax)
        .map(([name, value]) => [name, typeof value === 'string' ? short(value) : value]),
    ),
    setBy: setBy === null ? null : short(setBy),
    changedBy: changedBy && { roles: [...changedBy.roles], how: changedBy.how },
    remedy: of.remedy === null ? null : short(of.remedy),
  }
}

function linesOf({ outcome, rule, title, meaning, message, step, setBy, remedy }: Shown): string[] {
  const by = rule === null ? '' : ` by ${rule}${step === null ? '' : ` (${step})`}`
  const said = [message, setBy === null ? null : `Set by: ${setBy}`, remedy]
  return [`${outcome}${by}: ${title}. ${meaning}`, ...said.filter((text) => text !== null)]
}

function short(text: string): string {
  return line(text).slice(0, textMax)
}
