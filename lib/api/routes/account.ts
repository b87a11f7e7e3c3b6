import { z } from 'zod'
import { createAccessTokenInput } from '#lib/auth/schema.ts'
import { personListQuery } from '#lib/registry/schema.ts'
import { app, profile, personRow, team, token } from '../answers/account.ts'
import { text, time } from '../answers/words.ts'
import { pageQuery, pagedOf } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleId, flag, uuidId } from './params.ts'

export const me = endpoint({
  method: 'GET',
  path: '/api/v1/me',
  summary: 'Who you are, with your roles, teams and permissions as they are now.',
  permission: null,
  answer: json(profile),
})

export const listTokens = endpoint({
  method: 'GET',
  path: '/api/v1/tokens',
  summary: 'Your personal access tokens, newest first; the tokens themselves are never shown again.',
  permission: 'tokens:own',
  query: pageQuery,
  answer: json(pagedOf(token)),
})

export const createToken = endpoint({
  method: 'POST',
  path: '/api/v1/tokens',
  summary: 'Makes a personal access token. The answer is the only time that it can be read.',
  permission: 'tokens:own',
  body: createAccessTokenInput,
  status: 201,
  secret: ['token'],
  answer: json(z.strictObject({ tokenId: text, token: text, expiresAt: time })),
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

export const listApps = endpoint({
  method: 'GET',
  path: '/api/v1/apps',
  summary: 'The apps that read the registry for you, newest first.',
  permission: 'tokens:own',
  query: pageQuery,
  answer: json(pagedOf(app)),
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
  query: pageQuery,
  answer: json(pagedOf(team)),
})

export const listPeople = endpoint({
  method: 'GET',
  path: '/api/v1/people',
  summary: 'People by name.',
  permission: 'agents:read',
  query: pageQuery.extend({ ...personListQuery.shape, active: flag.optional() }),
  answer: json(pagedOf(personRow)),
  example: { query: { search: 'tessa', active: 'true' } },
})
