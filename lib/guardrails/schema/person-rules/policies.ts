import type { RuleWords } from '../../schema.ts'
import type { PolicySetRule } from '../policy-sets.ts'
import { fourEyes, overtaken, platformRule, trialTerms } from './keepers.ts'

/** What refuses people who change the central policies. */
export const policySetRuleWords: Record<PolicySetRule, RuleWords> = {
  'policies:not_a_draft': {
    title: 'Only a draft is changed or tried',
    explanation: 'The policy set is no draft, or not any more.',
    remedy: 'Make a new draft of it.',
    ...platformRule,
  },
  'policies:not_log_only': {
    title: 'Only what is log-only ends to be',
    explanation: 'The policy set is not log-only, or not any more.',
    remedy: 'Read in which state it is now.',
    ...overtaken,
  },
  'policies:not_enforceable': {
    title: 'Only a draft or what is log-only is enforced',
    explanation: 'The policy set is in force already, was superseded or thrown away.',
    remedy: 'Roll back to a superseded one, or make a new draft of it.',
    ...platformRule,
  },
  'policies:never_enforced': {
    title: 'Only to what was in force is rolled back',
    explanation: 'The policy set was never enforced.',
    remedy: 'Have it tried and enforced.',
    ...platformRule,
  },
  'policies:changed_meanwhile': {
    title: 'One decides about what one has read',
    explanation: 'Its text, or which set is in force, changed after it was read.',
    remedy: 'Read it again, and decide about what there is now.',
    ...overtaken,
  },
  'policies:second_person': {
    title: 'Nobody enforces what they wrote',
    explanation: 'A text is enforced by somebody who wrote none of it.',
    remedy: 'Have somebody else who manages policies enforce it.',
    ...fourEyes,
  },
  'policies:log_only_taken': {
    title: 'One set is log-only at a time',
    explanation: 'Another policy set is log-only.',
    remedy: 'End that first, or wait until it is enforced.',
    ...platformRule,
  },
  'policies:without_replay': {
    title: 'Policies are tried before they are enforced',
    explanation:
      'Neither a replay of recorded calls nor a time in log-only has tried exactly this text as the terms want.',
    remedy: 'Replay it, leave it log-only until that counts, or say why it is enforced without (withoutReplay).',
    ...trialTerms,
  },
  'policies:replay_without_calls': {
    title: 'A replay without calls has shown nothing',
    explanation: 'No recorded call was decided again, so nothing is known of what the text would do.',
    remedy:
      'Replay a longer time, leave it log-only until that counts, or say why it is enforced all the same (emptyReplay).',
    ...trialTerms,
  },
  'policies:kept': {
    title: 'What judged live calls is kept',
    explanation: 'Records of calls name the policy set, so it is not thrown away.',
    remedy: 'Change its text, or leave it.',
    ...platformRule,
  },
  'policies:discarded': {
    title: 'What was thrown away stays so',
    explanation: 'The policy set was thrown away, for good.',
    remedy: 'Make a new draft of its text.',
    ...platformRule,
  },
  'policies:not_proposed': {
    title: 'Only terms that are proposed are decided',
    explanation: 'Somebody decided or changed the terms before, or a week has passed.',
    remedy: 'Read the terms that hold, and propose others if they are wanted.',
    ...overtaken,
  },
  'policies:own_terms': {
    title: 'Nobody confirms their own easier terms',
    explanation:
      'Terms that make trying easier take a second person, who did not write the text that is log-only either.',
    remedy: 'Have somebody else who manages policies confirm them.',
    ...fourEyes,
  },
  'policies:not_yours': {
    title: 'Who proposed terms takes them back',
    explanation: 'Only the person who proposed the terms takes them back.',
    remedy: 'Ask them, or leave the terms unconfirmed.',
    ...fourEyes,
  },
}
