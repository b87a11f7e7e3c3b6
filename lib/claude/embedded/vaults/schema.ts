import { z } from 'zod'
import { metadata, metadataPatch } from '../http/metadata.ts'

const displayName = z.string().min(1).max(255)
const token = z.string().min(1).max(65_536)

export const createVaultBody = z.strictObject({ display_name: displayName, metadata: metadata.default({}) })
export const updateVaultBody = z.strictObject({
  display_name: displayName.nullish(),
  metadata: metadataPatch.nullish(),
})

/** `mcp_oauth` and `environment_variable` need a token refresher and an egress substitution this server does not have. */
const authType = z.literal('static_bearer', 'Only static_bearer credentials are available on this server.')

export const createCredentialBody = z.strictObject({
  display_name: displayName.nullish(),
  metadata: metadata.default({}),
  auth: z.strictObject({ type: authType, mcp_server_url: z.url({ protocol: /^https?$/ }), token }),
})
export const updateCredentialBody = z.strictObject({
  display_name: displayName.nullish(),
  metadata: metadataPatch.nullish(),
  auth: z.strictObject({ type: authType, token: token.nullish() }).optional(),
})

export type CreateVaultBody = z.output<typeof createVaultBody>
export type UpdateVaultBody = z.output<typeof updateVaultBody>
export type CreateCredentialBody = z.output<typeof createCredentialBody>
export type UpdateCredentialBody = z.output<typeof updateCredentialBody>
