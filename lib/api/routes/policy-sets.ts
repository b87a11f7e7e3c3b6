import { z } from 'zod'
import {
  checkPoliciesInput,
  discardPolicySetInput,
  draftPolicySetInput,
  enforcePolicySetInput,
  policySetListQuery,
  rollBackPolicySetInput,
} from '#lib/guardrails/schema/policy-sets.ts'
import { replayCallsQuery } from '#lib/guardrails/schema/replays.ts'
import { setTrialTermsInput } from '#lib/guardrails/schema/policy-trial.ts'
import { replayedCalls } from '../answers/policy-replays.ts'
import {
  draftedPolicySet,
  enforcedPolicySet,
  policyCheck,
  policySet,
  policySetSummary,
  trialReports,
  trialTerms,
} from '../answers/policy-sets.ts'
import { pagedOf } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { numberMax } from '#lib/core/count.ts'

/** Sets are known by their numbers. */
const numbered = z.strictObject({ number: z.coerce.number().int().min(1).max(numberMax) })
const example = { params: { number: '3' } }
const changed = z.strictObject({ changed: z.boolean() })
const exampleText = '@id("permit_granted") @title("…") @explanation("…") permit (principal, action, resource);'

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/policy-sets',
  summary: 'The sets of central policies, the newest first; what was thrown away only by its state.',
  permission: 'agents:read',
  query: policySetListQuery,
  answer: json(pagedOf(policySetSummary)),
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/policy-sets/{number}',
  summary:
    'One policy set: its text, its policies in plain words, how it differs from the set in force, and what may be done with it.',
  permission: 'agents:read',
  params: numbered,
  revision: 'policySet',
  answer: json(policySet),
  example,
})

export const check = endpoint({
  method: 'POST',
  path: '/api/v1/policy-sets/check',
  summary: 'Says what is wrong with a text of policies, each at its line, and what is hardly meant. Nothing is saved.',
  permission: 'policies:manage',
  body: checkPoliciesInput,
  bodyBytesMax: 1_000_000,
  answer: json(policyCheck),
  example: { body: { text: exampleText } },
})

export const create = endpoint({
  method: 'POST',
  path: '/api/v1/policy-sets',
  summary: 'Saves a text of policies as a new draft, if it type-checks.',
  permission: 'policies:manage',
  body: draftPolicySetInput.omit({ number: true, version: true }),
  bodyBytesMax: 1_000_000,
  status: 201,
  answer: json(draftedPolicySet),
  example: { body: { text: exampleText, note: 'Nothing is changed at night.' } },
})

export const edit = endpoint({
  method: 'PUT',
  path: '/api/v1/policy-sets/{number}',
  summary: 'Changes the text of a draft, if it type-checks; what was log-only is a draft again.',
  permission: 'policies:manage',
  params: numbered,
  body: draftPolicySetInput.omit({ number: true, basedOn: true }),
  bodyBytesMax: 1_000_000,
  revision: 'policySet',
  answer: json(draftedPolicySet),
  example: { ...example, body: { text: exampleText, note: 'Nothing is changed at night.' } },
})

export const startLogOnly = endpoint({
  method: 'POST',
  path: '/api/v1/policy-sets/{number}/log-only',
  summary:
    'Lets a draft judge live calls beside the set in force: what it would have decided otherwise is recorded, nothing else.',
  permission: 'policies:manage',
  params: numbered,
  revision: 'policySet',
  answer: json(changed),
  example,
})

export const endLogOnly = endpoint({
  method: 'POST',
  path: '/api/v1/policy-sets/{number}/end-log-only',
  summary: 'Makes a set in log-only a draft again; what was recorded stays.',
  permission: 'policies:manage',
  params: numbered,
  revision: 'policySet',
  answer: json(changed),
  example,
})

export const reports = endpoint({
  method: 'GET',
  path: '/api/v1/policy-sets/{number}/trial-reports',
  summary:
    'What a set would have decided otherwise, by its last replay and while it was log-only, in one form: by agent, tool and policy; null where it was not tried so.',
  permission: 'audit:read',
  params: numbered,
  answer: json(trialReports),
  example,
})

export const logOnlyCalls = endpoint({
  method: 'GET',
  path: '/api/v1/policy-sets/{number}/log-only-calls',
  summary:
    'The live calls that the set would have blocked, or allowed, while it was log-only with its text of now, the newest first.',
  permission: 'audit:read',
  params: numbered,
  query: replayCallsQuery,
  answer: json(replayedCalls),
  example: { ...example, query: { kind: 'blocked', agent: 'invoice-reconciler-7' } },
})

export const enforce = endpoint({
  method: 'POST',
  path: '/api/v1/policy-sets/{number}/enforce',
  summary:
    'Puts a set in force, by somebody else than who wrote it, after a replay that met calls, long enough in log-only, or with the reason why not.',
  permission: 'policies:manage',
  params: numbered,
  body: enforcePolicySetInput.omit({ number: true }),
  revision: 'policySet',
  answer: json(enforcedPolicySet),
  example: { ...example, body: { version: '0123456789abcdef', replaces: 2 } },
})

export const rollBack = endpoint({
  method: 'POST',
  path: '/api/v1/policy-sets/{number}/roll-back',
  summary: 'Puts a set in force again that was before.',
  permission: 'policies:manage',
  params: numbered,
  body: rollBackPolicySetInput.omit({ number: true }),
  revision: 'policySet',
  answer: json(enforcedPolicySet),
  example: { ...example, body: { replaces: 3, reason: 'It refused too much.' } },
})

export const discard = endpoint({
  method: 'POST',
  path: '/api/v1/policy-sets/{number}/discard',
  summary: 'Throws a draft away for good; what was ever log-only or enforced is kept.',
  permission: 'policies:manage',
  params: numbered,
  body: discardPolicySetInput.omit({ number: true }),
  revision: 'policySet',
  answer: json(changed),
  example: { ...example, body: { version: '0123456789abcdef' } },
})

export const showTerms = endpoint({
  method: 'GET',
  path: '/api/v1/policy-trial-terms',
  summary: 'How long log-only has to last, and how many calls it has to judge, before a set counts as tried.',
  permission: 'agents:read',
  revision: 'trialTerms',
  answer: json(trialTerms),
})

export const setTerms = endpoint({
  method: 'PUT',
  path: '/api/v1/policy-trial-terms',
  summary:
    'Changes how long log-only has to last, and how many calls it has to judge; less than now and than the defaults waits for a second person.',
  permission: 'policies:manage',
  body: setTrialTermsInput,
  revision: 'trialTerms',
  answer: json(z.strictObject({ changed: z.boolean(), waits: z.boolean() })),
  example: { body: { logOnlyMinutes: 1440, logOnlyCalls: 100 } },
})

export const confirmTerms = endpoint({
  method: 'POST',
  path: '/api/v1/policy-trial-terms/confirm',
  summary: 'Lets terms hold that somebody else has proposed: those that were read.',
  permission: 'policies:manage',
  body: setTrialTermsInput,
  revision: 'trialTerms',
  answer: nothing,
  example: { body: { logOnlyMinutes: 15, logOnlyCalls: 1 } },
})

export const withdrawTerms = endpoint({
  method: 'POST',
  path: '/api/v1/policy-trial-terms/withdraw',
  summary: 'Takes back terms that one has proposed oneself.',
  permission: 'policies:manage',
  revision: 'trialTerms',
  answer: nothing,
})
