import { rotateSigningKeyInput, type SigningKeyView } from '#lib/auth/schema.ts'
import { endpoint, json } from '../endpoint.ts'
import type { Items } from './params.ts'

/** A key with times as JSON has them. */
export type KeyView = Omit<SigningKeyView, 'createdAt' | 'retiredAt'> & { createdAt: string; retiredAt: string | null }

export const listSigningKeys = endpoint({
  method: 'GET',
  path: '/api/v1/signing-keys',
  summary: 'The keys that sign and verify agent tokens, newest first.',
  permission: 'keys:rotate',
  answer: json<Items<KeyView>>(),
})

export const rotateSigningKey = endpoint({
  method: 'POST',
  path: '/api/v1/signing-keys',
  summary: 'Starts the next signing key of agent tokens; with withdraw every token of the old keys ends at once.',
  permission: 'keys:rotate',
  body: rotateSigningKeyInput,
  status: 201,
  answer: json<{ kid: string; signsFrom: string; withdrawn: string[] }>(),
  example: { body: { reason: 'Rotated every quarter.' } },
})
