import { z } from 'zod'
import { roles } from '#lib/auth/permissions.ts'
import { saveViewInput, setDefaultViewInput } from '#lib/registry/schema/views.ts'
import { catalogView } from '../answers/views.ts'
import { text } from '../answers/words.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { pagedOf, pageQuery } from '../paging.ts'
import { exampleId, uuidId } from './params.ts'

/** What was saved meanwhile is compared by If-Match. */
const viewBody = saveViewInput.omit({ id: true, savedAt: true })
const view = { name: 'Writers in production', shared: true, state: { q: 'can:write env:production' } }

const ofRole = z.strictObject({ role: z.enum(roles) })

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/agents/views',
  summary: 'Saved views of the catalog: your own and those that are shared.',
  permission: 'agents:read',
  query: pageQuery,
  answer: json(pagedOf(catalogView)),
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/agents/views/{id}',
  summary: 'One saved view.',
  permission: 'agents:read',
  params: uuidId,
  revision: 'view',
  answer: json(catalogView),
  example: { params: exampleId },
})

export const create = endpoint({
  method: 'POST',
  path: '/api/v1/agents/views',
  summary: 'Saves a query with its order and columns as a view, for yourself or shared.',
  permission: 'views:own',
  body: viewBody,
  status: 201,
  answer: json(z.strictObject({ id: text })),
  example: { body: view },
})

export const replace = endpoint({
  method: 'PUT',
  path: '/api/v1/agents/views/{id}',
  summary: 'Saves over a view of yours: another name, another query, shared or not.',
  permission: 'views:own',
  params: uuidId,
  body: viewBody,
  revision: 'view',
  answer: json(z.strictObject({ id: text })),
  example: { params: exampleId, body: view },
})

export const remove = endpoint({
  method: 'DELETE',
  path: '/api/v1/agents/views/{id}',
  summary: 'Deletes a view; roles that began with it begin with all agents.',
  permission: 'views:own',
  params: uuidId,
  revision: 'view',
  answer: nothing,
  example: { params: exampleId },
})

export const showDefault = endpoint({
  method: 'GET',
  path: '/api/v1/agents/views/defaults/{role}',
  summary: 'Which shared view people of a role begin with; null: with all agents.',
  permission: 'agents:read',
  params: ofRole,
  revision: 'viewDefault',
  answer: json(z.strictObject({ role: text, viewId: text.nullable() })),
  example: { params: { role: 'security' } },
})

export const setDefault = endpoint({
  method: 'PUT',
  path: '/api/v1/agents/views/defaults/{role}',
  summary: 'Says which shared view people of a role begin with, or that they begin with all agents.',
  permission: 'views:default',
  params: ofRole,
  body: setDefaultViewInput.omit({ role: true }),
  revision: 'viewDefault',
  answer: nothing,
  example: { params: { role: 'security' }, body: { viewId: exampleId.id } },
})
