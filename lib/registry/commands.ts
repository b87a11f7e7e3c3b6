export { agentSubject, lockAgent, type LockedAgent } from './commands/agent-lock.ts'
export {
  keepCredentialIssuer,
  recordCredentialExpiry,
  recordCredentialTrouble,
  recordCredentialUse,
  recordCredentialWorks,
  warnOfExpiry,
} from './commands/credential-use.ts'
export { putCredential, removeServerCredential, setServerCredential } from './commands/credentials.ts'
export { registerServer, updateServer } from './commands/servers.ts'
export { recordServerHealth } from './commands/health.ts'
export { beatProcess, endProcessBeat } from './commands/process-beats.ts'
export { forgetStdioProcesses, recordStdioProcess, setServerBoundary } from './commands/processes.ts'
export { createTeam } from './commands/teams.ts'
export { approveTools, classifyTool, rejectTool } from './commands/tools.ts'
export { recordToolsUnlisted } from './commands/tool-listing.ts'
export { TooManyNames } from './tool-judging.ts'
export { recordServerTools } from './commands/tool-watch.ts'
export { forgetFleetChanges, forgetPackages, forgetServerHealth, forgetServerProbes } from './commands/forget.ts'
export { requestPackage } from './commands/packages.ts'
export { requestServerProbe, runServerProbe } from './commands/probes.ts'
export { importServer } from './commands/import-server.ts'
export { deleteView, saveView, setDefaultView } from './commands/views.ts'
export {
  closeAdopted,
  closeGone,
  dismissUnregistered,
  forgetUnregistered,
  noteUnregistered,
} from './commands/unregistered.ts'
export { importFindings } from './commands/import-findings.ts'
export { holdBackSettings } from './commands/loosened-settings.ts'
export { confirmLoosening, withdrawLoosening } from './commands/loosenings.ts'
