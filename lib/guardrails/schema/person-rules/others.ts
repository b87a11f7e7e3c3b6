import type { RuleWords } from '../../schema.ts'
import type { DelegationRefusal } from '#lib/delegation/schema.ts'
import { fourEyes, overtaken, platformRule } from './keepers.ts'

/** What refuses people who have somebody stand in for them. */
export const delegationRuleWords: Record<DelegationRefusal['rule'], RuleWords> = {
  'delegation:self': {
    title: 'Somebody else stands in',
    explanation: 'Nobody stands in for themselves.',
    remedy: 'Name somebody else.',
    ...platformRule,
  },
  'delegation:left': {
    title: 'Who stands in can sign in',
    explanation: 'The person who was named cannot sign in any more.',
    remedy: 'Name somebody else.',
    ...platformRule,
  },
  'delegation:time': {
    title: 'A delegation lasts three months at most',
    explanation: 'It ends after it begins, not before now, and within 92 days.',
    remedy: 'Choose another time.',
    ...platformRule,
  },
  'delegation:nothing_to_delegate': {
    title: 'Only who decides delegates',
    explanation: 'None of the roles of this person decides about requests or calls.',
    remedy: 'Nothing is left to do: nothing waits for you.',
    ...platformRule,
  },
  'delegation:no_shared_role': {
    title: 'Nobody decides more by standing in',
    explanation:
      'Who stands in has a role that decides in common with who is away, and a team where that role decides for its teams alone.',
    remedy: 'Name somebody with such a role.',
    ...fourEyes,
  },
  'delegation:one_at_a_time': {
    title: 'One person stands in at a time',
    explanation: 'Somebody stands in at that time already.',
    remedy: 'End that delegation first.',
    ...platformRule,
  },
  'delegation:no_chain': {
    title: 'Who stands in is there',
    explanation: 'What goes to somebody who stands in does not go on to another one.',
    remedy: 'Name somebody who is there at that time.',
    ...platformRule,
  },
}

/** What refuses people who certify grants. */
export const reviewRuleWords = {
  'reviews:ended': {
    title: 'Only in a campaign that goes on',
    explanation: 'The review campaign has ended.',
    remedy: 'Wait for the next one, or revoke the grant on the page of the agent.',
    ...overtaken,
  },
  'reviews:already_decided': {
    title: 'A grant is certified once',
    explanation: 'Somebody decided about it in this campaign before.',
    remedy: 'Read what was decided.',
    ...overtaken,
  },
  'reviews:not_yours': {
    title: 'Only who answers for the agent certifies',
    explanation:
      'Grants are certified by whoever is accountable for the agent or leads its team, and taken away by who manages reviews.',
    remedy: 'Leave it to those whom the campaign names.',
    ...platformRule,
  },
  'reviews:not_standing_in': {
    title: 'Only for whom one stands in',
    explanation: 'No delegation in force lets this person decide in the place of the other.',
    remedy: 'Decide in your own place, or have them delegate to you.',
    ...platformRule,
  },
  'reviews:own_break_glass': {
    title: 'Nobody certifies their own break-glass',
    explanation: 'Whoever broke the glass does not keep what they took.',
    remedy: 'Leave it to somebody else, or revoke it.',
    ...fourEyes,
  },
  'reviews:nothing_proposed': {
    title: 'Only what is proposed is narrowed to',
    explanation: 'Nothing narrower was proposed for this grant.',
    remedy: 'Keep it, or revoke it.',
    ...overtaken,
  },
  'reviews:not_as_proposed': {
    title: 'A grant is narrowed as it was proposed',
    explanation: 'What was proposed is not what there is now.',
    remedy: 'Read the proposal again.',
    ...overtaken,
  },
  'reviews:grant_ended': {
    title: 'Only grants in force are certified',
    explanation: 'The grant was revoked or has expired.',
    remedy: 'Nothing is left to do.',
    ...overtaken,
  },
} as const satisfies Record<string, RuleWords>

/** What refuses people who resume what was stopped. */
export const stopRuleWords = {
  'stops:second_person': {
    title: 'A stop of everything is ended by two people',
    explanation: 'Whoever asked to resume everything does not confirm it.',
    remedy: 'Have somebody else who may release stop orders confirm it in time.',
    ...fourEyes,
  },
} as const satisfies Record<string, RuleWords>
