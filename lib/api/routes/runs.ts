import { z } from 'zod'
import { runListQuery, startRunInput, stopRunInput } from '#lib/harness/schema.ts'
import { run, runEvent, runPage } from '../answers/runs.ts'
import { text } from '../answers/words.ts'
import { pagedOf } from '../paging.ts'
import { endpoint, eventStream, json } from '../endpoint.ts'
import { exampleId, uuidId } from './params.ts'

const after = z.strictObject({ after: z.coerce.number().int().nonnegative().default(0) })

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/runs',
  summary: 'Runs, newest first, a page at a time.',
  permission: 'runs:read',
  query: runListQuery,
  answer: json(runPage),
  example: { query: { agent: 'invoice-reconciler-7', open: 'true' } },
})

export const start = endpoint({
  method: 'POST',
  path: '/api/v1/runs',
  summary: 'Asks the launch gate and starts a run of an agent’s current version; a refusal names its rule.',
  permission: 'runs:start',
  body: startRunInput.omit({ trigger: true }),
  status: 201,
  answer: json(z.strictObject({ runId: text })),
  example: { body: { agentId: 'invoice-reconciler-7' } },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/runs/{id}',
  summary: 'One run with its figures and escalations.',
  permission: 'runs:read',
  params: uuidId,
  revision: 'run',
  answer: json(run),
  example: { params: exampleId },
})

export const events = endpoint({
  method: 'GET',
  path: '/api/v1/runs/{id}/events',
  summary: 'The run log after a sequence number, at most 500 lines.',
  permission: 'runs:read',
  params: uuidId,
  query: after,
  cursorOf: () => 'after',
  answer: json(pagedOf(runEvent)),
  example: { params: exampleId, query: { after: '0' } },
})

export const stream = endpoint({
  method: 'GET',
  path: '/api/v1/runs/{id}/stream',
  summary: 'The run log live, as server-sent events: log, run, end.',
  permission: 'runs:read',
  params: uuidId,
  query: after,
  answer: eventStream,
  example: { params: exampleId },
})

export const stop = endpoint({
  method: 'POST',
  path: '/api/v1/runs/{id}/stop',
  summary: 'Stops one run: its token is refused at once, its session is interrupted.',
  permission: 'runs:stop',
  params: uuidId,
  body: stopRunInput.omit({ runId: true }),
  revision: 'run',
  answer: json(z.strictObject({ runId: text })),
  example: { params: exampleId, body: { reason: 'It repeats itself.' } },
})
