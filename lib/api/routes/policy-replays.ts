import { z } from 'zod'
import {
  replayCallsQuery,
  replayListQuery,
  startReplayInput,
  startTextReplayInput,
} from '#lib/guardrails/schema/replays.ts'
import { policyReplay, policyReplayReport, replayedCalls } from '../answers/policy-replays.ts'
import { text } from '../answers/words.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { pagedOf } from '../paging.ts'
import { exampleId, uuidId } from './params.ts'

const exampleText = '@id("permit_granted") @title("…") @explanation("…") permit (principal, action, resource);'
const numbered = startReplayInput.pick({ number: true })

export const start = endpoint({
  method: 'POST',
  path: '/api/v1/policy-sets/{number}/replays',
  summary: 'Decides the recorded calls of the last hours or days again, by this set; one replay of a set at a time.',
  permission: 'policies:manage',
  params: numbered,
  body: startReplayInput.omit({ number: true }),
  status: 201,
  revision: 'policySet',
  answer: json(z.strictObject({ replayId: text })),
  example: { params: { number: '3' }, body: { since: '7d' } },
})

export const startText = endpoint({
  method: 'POST',
  path: '/api/v1/replays',
  summary: 'Decides recorded calls again by policies that are not saved, if they type-check: for a pipeline.',
  permission: 'policies:manage',
  body: startTextReplayInput,
  bodyBytesMax: 4_000_000,
  status: 201,
  answer: json(z.strictObject({ replayId: text })),
  example: { body: { text: exampleText, since: '24h' } },
})

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/policy-sets/{number}/replays',
  summary: 'The replays of a policy set, the newest first.',
  permission: 'audit:read',
  params: numbered,
  query: replayListQuery.omit({ number: true }),
  answer: json(pagedOf(policyReplay)),
  example: { params: { number: '3' } },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/replays/{id}',
  summary: 'A replay: how far it is, and what the set would have decided otherwise, by agent, tool and policy.',
  permission: 'audit:read',
  params: uuidId,
  revision: 'policyReplay',
  answer: json(policyReplayReport),
  example: { params: exampleId },
})

export const calls = endpoint({
  method: 'GET',
  path: '/api/v1/replays/{id}/calls',
  summary: 'The recorded calls that the set would have blocked, or allowed, the newest first.',
  permission: 'audit:read',
  params: uuidId,
  query: replayCallsQuery,
  answer: json(replayedCalls),
  example: { params: exampleId, query: { kind: 'blocked', agent: 'invoice-reconciler-7' } },
})

export const cancel = endpoint({
  method: 'POST',
  path: '/api/v1/replays/{id}/cancel',
  summary: 'Ends a replay that has not ended.',
  permission: 'policies:manage',
  params: uuidId,
  revision: 'policyReplay',
  answer: nothing,
  example: { params: exampleId },
})
