import type { RuleWords } from '../../schema.ts'
import { enablers } from '../rule-keepers.ts'
import { approvalRule, fourEyes, overtaken, platformRule } from './keepers.ts'

const servers = {
  setBy: 'Whoever manages the server',
  changedBy: { roles: ['security', 'platform_admin'], how: "Change it on the server's page." },
} as const
const reviewers = {
  setBy: 'Platform',
  changedBy: { roles: ['security'], how: 'Review the break-glass grant.' },
} as const

/** What refuses people who ask for scopes, decide about them, end grants or change the approval policy. */
export const scopeRuleWords = {
  'scopes:agent_retired': {
    title: 'A retired agent gets no scopes',
    explanation: 'The agent is retired, and a retired agent stays retired.',
    remedy: 'Ask for the scope for the agent that took its place.',
    ...platformRule,
  },
  'scopes:already_held': {
    title: 'What is held is not asked for',
    explanation: 'A grant in force covers the scope for at least as long already.',
    remedy: 'Use the grant, or ask for a wider scope or a longer time.',
    ...overtaken,
  },
  'scopes:already_pending': {
    title: 'The same scope is asked for once',
    explanation: 'A request for exactly this scope waits already.',
    remedy: 'Wait for its decision, or change the request that waits.',
    ...overtaken,
  },
  'scopes:server_disabled': {
    title: 'Nothing is granted on a disabled server',
    explanation: 'The MCP server is registered but switched off.',
    remedy: 'Ask security or the platform team to enable it, then ask again.',
    setBy: 'Whoever disabled the server',
    changedBy: enablers,
  },
  'scopes:tool_unknown': {
    title: 'Only for tools that the server has',
    explanation: 'The server has no tool of this name in this class.',
    remedy: "Choose a tool and class from the server's page.",
    ...servers,
  },
  'scopes:already_decided': {
    title: 'A request is decided once',
    explanation: 'It was decided or withdrawn before: of two at once the first one counts.',
    remedy: 'Read what was decided; ask anew if something else is wanted.',
    ...overtaken,
  },
  'scopes:asked_apart': {
    title: 'What different people are asked for is asked for apart',
    explanation:
      'Rules of the approval policy ask different people about parts of what is asked for, and none of them asks for all of these.',
    remedy: 'Ask for the tools by name, with one request for each class.',
    ...overtaken,
  },
  'scopes:own_request': {
    title: 'Nobody decides what they asked for',
    explanation: 'Whoever asks for a scope does not approve, narrow or reject it.',
    remedy: 'Leave it to somebody else, or withdraw the request.',
    ...fourEyes,
  },
  'scopes:own_agent': {
    title: 'Nobody decides for an agent they are accountable for',
    explanation:
      'Whoever is accountable for the agent, or was within the last 30 days, does not decide about its scopes.',
    remedy: 'Leave it to somebody else whom the approval rule names.',
    ...fourEyes,
  },
  'scopes:own_team': {
    title: 'Nobody decides for an agent of their team',
    explanation:
      'Members of the team that owns the agent, or owned it within the last 30 days, do not decide about its scopes.',
    remedy: 'Leave it to somebody of another team whom the approval rule names.',
    ...fourEyes,
  },
  'scopes:not_asked': {
    title: 'Only those whom the approval rule asks',
    explanation:
      'The approval rule for such requests names roles, and this person has none of them, or it is not their turn yet.',
    remedy: 'Leave it to those whom the request names.',
    ...approvalRule,
  },
  'scopes:approved_already': {
    title: 'One person approves one step',
    explanation: 'The approval rule wants two people, and this one has approved already.',
    remedy: 'Leave the other step to somebody else.',
    ...fourEyes,
  },
  'scopes:not_standing_in': {
    title: 'Only for whom one stands in',
    explanation: 'No delegation in force lets this person decide in the place of the other.',
    remedy: 'Decide in your own place, or have them delegate to you.',
    ...platformRule,
  },
  'scopes:not_pending': {
    title: 'Only what waits for a decision is decided',
    explanation: 'Changes were asked for, so the request waits for whoever asked.',
    remedy: 'Wait until the request is changed and sent again.',
    ...overtaken,
  },
  'scopes:changed_meanwhile': {
    title: 'One decides about what one has read',
    explanation: 'The request was changed after it was read.',
    remedy: 'Read it again, and decide about what it asks for now.',
    ...overtaken,
  },
  'scopes:not_your_request': {
    title: 'A request is changed by whoever asked',
    explanation: 'Only the person who asked changes or withdraws a request.',
    remedy: 'Ask them to, or decide about it: changes can be asked for, too.',
    ...fourEyes,
  },
  'scopes:already_revoked': {
    title: 'What has ended is not ended again',
    explanation: 'The grant was revoked or has expired.',
    remedy: 'Nothing is left to do.',
    ...overtaken,
  },
  'scopes:not_narrowable': {
    title: 'Not every grant can be narrowed',
    explanation:
      'A grant of one tool without conditions to add, one of an emergency, or one with a rate over several tools is ended or left as it is.',
    remedy: 'Revoke it and ask for what is needed, or leave it.',
    ...platformRule,
  },
  'scopes:not_proposed': {
    title: 'Only what is proposed now is taken over',
    explanation: 'What the agent calls or holds has changed since, and this is not proposed any more.',
    remedy: 'Read the proposals again.',
    ...overtaken,
  },
  'scopes:own_break_glass': {
    title: 'Nobody reviews their own break-glass',
    explanation: 'Whoever broke the glass does not say whether that was justified.',
    remedy: 'Leave the review to somebody else.',
    ...fourEyes,
  },
  'scopes:already_reviewed': {
    title: 'Break-glass is reviewed once',
    explanation: 'Somebody else has reviewed it before.',
    remedy: 'Read what the review says.',
    ...overtaken,
  },
  'scopes:break_glass_unreviewed': {
    title: 'An emergency is reviewed before it goes on',
    explanation:
      'Nobody renews what they took before its review, and overlapping ones last four hours in all within a day.',
    remedy: 'Have it reviewed first, or ask for the scope in the usual way.',
    ...reviewers,
  },
  'scopes:rule_holds': {
    title: 'What holds is not confirmed again',
    explanation: 'The approval rule is in force already.',
    remedy: 'Nothing is left to do.',
    ...overtaken,
  },
  'scopes:own_rule': {
    title: 'Nobody confirms their own easier rule',
    explanation: 'An approval rule that makes approval easier takes a second person.',
    remedy: 'Have somebody else who manages the approval policy confirm it.',
    ...fourEyes,
  },
  'scopes:end_not_asked': {
    title: 'Only an end that somebody asks for is taken back',
    explanation: 'Nobody asks for the end of the approval rule, or not any more.',
    remedy: 'Nothing is left to do: the rule goes on.',
    ...overtaken,
  },
  'scopes:not_your_wish': {
    title: 'Who asked for an end takes it back',
    explanation: 'Only the person who asked for the end of the approval rule takes that back.',
    remedy: 'Ask them, or leave the end unconfirmed.',
    ...fourEyes,
  },
} as const satisfies Record<string, RuleWords>
