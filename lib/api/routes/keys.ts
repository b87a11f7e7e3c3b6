import { z } from 'zod'
import { rotateSigningKeyInput } from '#lib/auth/schema.ts'
import { signingKey } from '../answers/account.ts'
import { text, time } from '../answers/words.ts'
import { pageQuery, pagedOf } from '../paging.ts'
import { endpoint, json } from '../endpoint.ts'

export const listSigningKeys = endpoint({
  method: 'GET',
  path: '/api/v1/signing-keys',
  summary: 'The keys that sign and verify agent tokens, newest first.',
  permission: 'keys:rotate',
  query: pageQuery,
  answer: json(pagedOf(signingKey)),
})

export const rotateSigningKey = endpoint({
  method: 'POST',
  path: '/api/v1/signing-keys',
  summary: 'Starts the next signing key of agent tokens; with withdraw every token of the old keys ends at once.',
  permission: 'keys:rotate',
  body: rotateSigningKeyInput,
  status: 201,
  answer: json(z.strictObject({ kid: text, signsFrom: time, withdrawn: z.array(text) })),
  example: { body: { reason: 'Rotated every quarter.' } },
})
