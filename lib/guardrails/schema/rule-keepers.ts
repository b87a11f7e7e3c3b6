import type { RuleKeeper } from '../schema.ts'

// Who may lift or change rules of several kinds.

export const platform: RuleKeeper = {
  roles: ['platform_admin'],
  how: 'The platform team changes the code or the settings of the platform.',
}
export const nobody: RuleKeeper = { roles: [], how: 'Nobody can lift it: it is how the platform fails closed.' }
export const servers: RuleKeeper = { roles: ['security', 'platform_admin'], how: "Change it on the server's page." }
/** Who registers servers, and who enables them. */
export const registrars: RuleKeeper = { ...servers, how: 'Register the server under MCP servers.' }
export const enablers: RuleKeeper = { ...servers, how: 'Enable the server on its page.' }
