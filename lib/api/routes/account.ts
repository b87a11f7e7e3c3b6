import { z } from 'zod'
import { type AccessTokenView, type AppConnectionView, createAccessTokenInput } from '#lib/auth/schema.ts'
import { personListQuery, type PersonRow, type TeamRow } from '#lib/registry/schema.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleId, flag, type Items, uuidId } from './params.ts'

/** Who one is to the API. `tokenId`: the token that was sent; its permissions limit those of the roles. */
export type Me = {
  id: string
  name: string
  email: string
  roles: string[]
  teamIds: string[]
  permissions: string[]
  tokenId: string | null
}

/** A token as its owner sees it, with times as JSON has them. */
export type TokenView = Omit<AccessTokenView, 'createdAt' | 'expiresAt' | 'lastUsedAt'> & {
  createdAt: string
  expiresAt: string
  lastUsedAt: string | null
}

export const me = endpoint({
  method: 'GET',
  path: '/api/v1/me',
  summary: 'Who you are, with your roles, teams and permissions as they are now.',
  permission: null,
  answer: json<Me>(),
})

export const listTokens = endpoint({
  method: 'GET',
  path: '/api/v1/tokens',
  summary: 'Your personal access tokens, newest first; the tokens themselves are never shown again.',
  permission: 'tokens:own',
  answer: json<Items<TokenView>>(),
})

export const createToken = endpoint({
  method: 'POST',
  path: '/api/v1/tokens',
  summary: 'Makes a personal access token. The answer is the only time that it can be read.',
  permission: 'tokens:own',
  body: createAccessTokenInput,
  status: 201,
  answer: json<{ tokenId: string; token: string; expiresAt: string }>(),
  example: { body: { name: 'nightly report', permissions: ['agents:read'], days: 30 } },
})

export const revokeToken = endpoint({
  method: 'DELETE',
  path: '/api/v1/tokens/{id}',
  summary: 'Ends one of your tokens at once.',
  permission: 'tokens:own',
  params: uuidId,
  answer: nothing,
  example: { params: exampleId },
})

/** An app that reads for you, with times as JSON has them. */
export type AppView = Omit<AppConnectionView, 'createdAt' | 'expiresAt' | 'lastUsedAt'> & {
  createdAt: string
  expiresAt: string
  lastUsedAt: string | null
}

export const listApps = endpoint({
  method: 'GET',
  path: '/api/v1/apps',
  summary: 'The apps that read the registry for you, newest first.',
  permission: 'tokens:own',
  answer: json<Items<AppView>>(),
})

export const endApp = endpoint({
  method: 'DELETE',
  path: '/api/v1/apps/{id}',
  summary: 'Disconnects an app; it is refused from its next question on.',
  permission: 'tokens:own',
  params: uuidId,
  answer: nothing,
  example: { params: exampleId },
})

export const listTeams = endpoint({
  method: 'GET',
  path: '/api/v1/teams',
  summary: 'Every team by name.',
  permission: 'agents:read',
  answer: json<Items<TeamRow>>(),
})

export const listPeople = endpoint({
  method: 'GET',
  path: '/api/v1/people',
  summary: 'People by name.',
  permission: 'agents:read',
  query: z.strictObject({ ...personListQuery.shape, active: flag.optional() }),
  answer: json<Items<PersonRow>>(),
  example: { query: { search: 'tessa', active: 'true' } },
})
