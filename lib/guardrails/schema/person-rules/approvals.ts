import type { RuleWords } from '../../schema.ts'
import type { HeldCallRule } from '../held-calls.ts'
import type { HoldBypassRule } from '../hold-bypasses.ts'
import { fourEyes, holdRule, overtaken, platformRule } from './keepers.ts'

/** What refuses people who decide about held calls, or change, end or bypass the rules that hold them. */
export const approvalRuleWords: Record<HeldCallRule | HoldBypassRule, RuleWords> = {
  'approvals:already_decided': {
    title: 'A held call is decided once',
    explanation: 'It was decided, or ended, before: of two at once the first one counts.',
    remedy: 'Read what was decided.',
    ...overtaken,
  },
  'approvals:own_agent': {
    title: 'Nobody decides for an agent they are accountable for',
    explanation:
      'What the agent changes is decided by somebody who is not, and was not within the last 30 days, accountable for it.',
    remedy: 'Leave it to somebody else who may decide.',
    ...fourEyes,
  },
  'approvals:own_run': {
    title: 'Nobody decides about a call they are behind',
    explanation:
      'Whoever started the run, set its schedule, issued the credential or has the client act for them does not decide about its calls.',
    remedy: 'Leave it to somebody else who may decide.',
    ...fourEyes,
  },
  'approvals:own_version': {
    title: 'Nobody decides about a call of a version they wrote',
    explanation:
      'Whoever last changed the prompt, the parameters or the template of the version that runs does not decide about its calls, whoever started it.',
    remedy: 'Leave it to somebody else who may decide.',
    ...fourEyes,
  },
  'approvals:team_excluded': {
    title: 'Somebody of another team decides',
    explanation:
      'The rule that holds the call keeps the team that owns the agent, or owned it within the last 30 days, from deciding.',
    remedy: 'Leave it to somebody of another team who may decide.',
    ...holdRule,
  },
  'approvals:altered': {
    title: 'Nobody decides about what is not as it was held',
    explanation: 'The record of the held call is not as it was written, so the call is cancelled.',
    remedy: 'Have the agent send the call again, and tell the platform team.',
    ...platformRule,
  },
  'approvals:role': {
    title: 'Only the roles that the rule names',
    explanation: 'The rule that holds the call names the roles that decide, and this person has none of them.',
    remedy: 'Leave it to those whom the held call names.',
    ...holdRule,
  },
  'approvals:not_standing_in': {
    title: 'Only for whom one stands in',
    explanation: 'No delegation in force lets this person decide in the place of the other.',
    remedy: 'Decide in your own place, or have them delegate to you.',
    ...platformRule,
  },
  'approvals:own_team': {
    title: 'Some roles decide for their own teams only',
    explanation: 'With the roles of this person one decides about calls of the agents of one’s own teams.',
    remedy: 'Leave it to a member of the team that owns the agent, or to security or on-call.',
    ...platformRule,
  },
  'approvals:expired': {
    title: 'The time to decide is over',
    explanation: 'Nobody decided about the call within the time its rule gives.',
    remedy: 'Have the agent send the call again.',
    ...holdRule,
  },
  'approvals:not_editable': {
    title: 'Claude takes yes or no',
    explanation: 'Claude asks about this call itself, and its arguments cannot be changed on the way.',
    remedy: 'Approve it, or reject it and say what to change.',
    ...platformRule,
  },
  'approvals:arguments_invalid': {
    title: 'Arguments are as the tool takes them',
    explanation: 'What the arguments were changed into does not fit the schema of the tool.',
    remedy: 'Change them so that they fit, as the refusal says.',
    ...platformRule,
  },
  'approvals:other_rule': {
    title: 'An edit stays within its rule',
    explanation: 'What the call was changed into is held by another rule, by which somebody else decides.',
    remedy: 'Reject the call and say what it should be: the agent sends that as another one.',
    ...holdRule,
  },
  'approvals:end_not_asked': {
    title: 'Only an end that somebody asks for is taken back',
    explanation: 'Nobody asks for the end of the rule, or not any more.',
    remedy: 'Nothing is left to do: the rule goes on holding calls.',
    ...overtaken,
  },
  'approvals:not_your_wish': {
    title: 'Who asked for an end takes it back',
    explanation: 'Only the person who asked for the end of the rule takes that back.',
    remedy: 'Ask them, or leave the end unconfirmed.',
    ...fourEyes,
  },
  'approvals:bypass_own_team': {
    title: 'Nobody bypasses for an agent of their team',
    explanation:
      'Members of the team that owns the agent, or owned it within the last 30 days, do not let its calls through.',
    remedy: 'Have somebody of another team bypass the rule.',
    ...fourEyes,
  },
  'approvals:bypass_own_agent': {
    title: 'Nobody bypasses for an agent they are accountable for',
    explanation:
      'Whoever is accountable for the agent, or was within the last 30 days, does not let its calls through.',
    remedy: 'Have somebody else bypass the rule.',
    ...fourEyes,
  },
  'approvals:bypass_destructive': {
    title: 'What destroys on production always waits',
    explanation: 'The rule holds destructive calls on production only, and those wait for a person whatever is urgent.',
    remedy: 'Have somebody who may decide about each call.',
    ...platformRule,
  },
  'approvals:bypass_in_force': {
    title: 'A rule is bypassed once at a time',
    explanation: 'The rule is bypassed for the same agents already.',
    remedy: 'Nothing is left to do until that one ends.',
    ...overtaken,
  },
  'approvals:bypass_used_up': {
    title: 'One person bypasses a rule for eight hours a day',
    explanation:
      'To end a rule takes two people, so what one person lets through by bypasses of it lasts eight hours in all within a day.',
    remedy: 'Let somebody else who may bypass decide whether it goes on, or propose the end of the rule.',
    ...fourEyes,
  },
}
