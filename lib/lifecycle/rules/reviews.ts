import { type Actor, can } from '#lib/auth/ctx.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { GrantProposal, GrantUsage } from '#lib/scopes/schema/usage.ts'
import type { ReviewDecision, ReviewEvidence, ReviewRefusal, ReviewRule } from '../schema/reviews.ts'
import { answersInPlaceOf } from './review-stand-in.ts'

type Person = Extract<Actor, { kind: 'person' }>

export type ReviewableItem = {
  campaign: { endedAt: Date | null }
  agent: { accountablePersonId: string; ownerTeamId: string }
  grant: { via: string; createdById: string | null; revokedAt: Date | null; expiresAt: Date | null }
  decision: ReviewDecision | null
  evidence: Pick<ReviewEvidence, 'proposal'>
}

/**
 * Who decides about a grant: whoever is accountable for its agent or leads the team that owns it, who stands in for them (`absent`), and security in their place. Nobody
 * certifies an emergency that they, or in whose place they stand, took. What is decided stays decided, but security may take away what was kept.
 */
export function decideReviewItem(
  item: ReviewableItem,
  {
    actor,
    absent = null,
    decision,
    now,
  }: { actor: Actor; absent?: Person | null; decision: ReviewDecision | null; now: Date },
): Result<'owner' | 'override', ReviewRefusal> {
  if (item.campaign.endedAt !== null) return refuse('reviews:ended', 'The campaign has ended.')
  const by = absent ? inPlaceOf(item, { actor, absent }) : roleOf(item, actor)
  if (by === null && absent) {
    const message = `You may not answer for this agent in the place of ${absent.name}: that takes somebody of the team that owns it, by a role that you share.`
    return refuse('reviews:not_yours', message)
  }
  if (by === null) {
    const message =
      'Whoever is accountable for the agent, or leads the team that owns it, decides; security may in their place.'
    return refuse('reviews:not_yours', message)
  }
  const takesAway = by === 'override' && item.decision === 'keep' && decision !== 'keep'
  if (item.decision !== null && !takesAway) {
    return refuse('reviews:already_decided', `Someone has decided this in the meantime: ${item.decision}.`)
  }
  if (hasEnded(item.grant, now)) return refuse('reviews:grant_ended', 'The grant has ended in the meantime.')
  if (decision === 'keep' && item.grant.via === 'break_glass') {
    const { createdById } = item.grant
    const who =
      createdById === actor.id ? 'You' : createdById !== null && createdById === absent?.id ? absent.name : null
    if (who) return refuse('reviews:own_break_glass', `${who} broke the glass for it, so somebody else certifies it.`)
  }
  if (decision === 'narrow' && item.evidence.proposal?.kind !== 'narrow') {
    return refuse('reviews:nothing_proposed', 'Nothing narrower was proposed: keep it, or revoke it.')
  }
  return ok(by)
}

export function hasEnded(grant: { revokedAt: Date | null; expiresAt: Date | null }, now: Date): boolean {
  return grant.revokedAt !== null || (grant.expiresAt !== null && grant.expiresAt <= now)
}

function roleOf({ agent }: ReviewableItem, actor: Actor): 'owner' | 'override' | null {
  if (actor.kind !== 'person') return null
  const leads = actor.roles.includes('team_lead') && actor.teamIds.includes(agent.ownerTeamId)
  const answers = actor.id === agent.accountablePersonId || leads
  if (answers && can(actor, 'scopes:request')) return 'owner'
  return can(actor, 'reviews:manage') ? 'override' : null
}

function inPlaceOf({ agent }: ReviewableItem, who: { actor: Actor; absent: Person }): 'owner' | null {
  const { actor: delegate, absent } = who
  return delegate.kind === 'person' && answersInPlaceOf(agent, { delegate, absent }) ? 'owner' : null
}

/**
 * What of a proposal still holds by what was called since and by what else is held now; null: nothing. What was used since is not taken away on evidence that has aged, nor what
 * narrower grants covered that have ended; a method of MCP that was called needs the whole grant; tools that only it covers are kept beside those that were proposed.
 */
export function stillProposed(
  { proposal }: Pick<ReviewEvidence, 'proposal'>,
  today: Pick<GrantUsage, 'calls' | 'proposal'> | undefined,
): GrantProposal | null {
  const judged = today?.proposal ?? null
  if (proposal === null || judged === null || judged.kind !== proposal.kind) return null
  if (proposal.because === 'unused' && today!.calls > 0) return null
  if (proposal.kind === 'revoke') return proposal
  const conditions = stillMet(proposal, judged)
  if (proposal.because === 'arguments' && conditions.length === 0) return null
  return { ...proposal, toolNames: judged.toolNames, conditions }
}

/** Conditions on what was proposed to have some, as wide as the calls by now need them: nobody agreed to others. */
function stillMet(proposal: GrantProposal, judged: GrantProposal): GrantProposal['conditions'] {
  return judged.conditions.flatMap(({ tool, conditions }) => {
    const then = proposal.conditions.find((each) => each.tool === tool)?.conditions ?? []
    const still = conditions.filter(({ pointer }) => then.some((each) => each.pointer === pointer))
    return still.length === 0 ? [] : [{ tool, conditions: still }]
  })
}

/** What a narrowed grant keeps. */
export type KeptScope = Pick<GrantProposal, 'toolNames' | 'conditions'>
export const nothingKept: KeptScope = { toolNames: [], conditions: [] }

/** What becomes of a grant that nobody answered for: what the campaign says, by what was proposed when it began and still holds. */
export function atEndOf(
  item: { evidence: Pick<ReviewEvidence, 'proposal'>; today: Pick<GrantUsage, 'calls' | 'proposal'> | undefined },
  atEnd: ReviewDecision,
): { decision: ReviewDecision; kept: KeptScope; reason: string } {
  const { proposal } = item.evidence
  const nobody = 'Nobody answered in time'
  const keep = (why: string) => ({ decision: 'keep' as const, kept: nothingKept, reason: `${nobody}; ${why}` })
  if (atEnd === 'keep') return keep('the campaign keeps what is not answered.')
  if (atEnd === 'revoke') {
    return { decision: 'revoke', kept: nothingKept, reason: `${nobody}; the campaign revokes what is not answered.` }
  }
  if (proposal === null) return keep('nothing narrower was proposed.')
  const still = stillProposed(item.evidence, item.today)
  if (still === null) return keep(whyKept[proposal.because])
  const said = still.kind === 'narrow' ? 'narrowed' : 'revoked'
  return { decision: still.kind, kept: still, reason: `${nobody}; ${said} as proposed.` }
}

const whyKept = {
  unused: 'it was used since the campaign began.',
  covered: 'other grants do not cover its calls any more.',
  narrower: 'its calls need something else by now than was proposed.',
  arguments: 'its calls have other arguments by now than was proposed.',
} as const satisfies Record<GrantProposal['because'], string>

const dayMs = 86_400_000
const remindDays = 3

/** Whether those who have not answered are reminded now: once when half of the time is over, and once before the end. */
export function remindsNow(campaign: { startedAt: Date; dueAt: Date; remindedAt: Date | null }, now: Date): boolean {
  const whole = campaign.dueAt.getTime() - campaign.startedAt.getTime()
  const before = Math.min(remindDays * dayMs, whole / 4)
  const times = [campaign.startedAt.getTime() + whole / 2, campaign.dueAt.getTime() - before]
  const due = times.findLast((time) => time <= now.getTime())
  return due !== undefined && (campaign.remindedAt === null || campaign.remindedAt.getTime() < due)
}

function refuse(rule: ReviewRule, message: string): { ok: false; error: ReviewRefusal } {
  return err({ rule, message })
}
