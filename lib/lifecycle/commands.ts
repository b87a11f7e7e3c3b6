export { applyManifest, refuseManifestProblems } from './commands/apply.ts'
export {
  changeAgentLogic,
  askForScope,
  decideScope,
  markReviewed,
  refreshAgentServers,
  setSchedule,
  takeBreakGlass,
} from './commands/change.ts'
export { createAgent, previewAgent } from './commands/create.ts'
export { resumeAgent, retireAgent, suspendAgent } from './commands/moves.ts'
export { activateAgent, recordCreationStep } from './commands/provisioning.ts'
export { moveAgents } from './commands/bulk.ts'
export { adoptUnregistered } from './commands/adopt.ts'
export { decideReview } from './commands/decide-review.ts'
export { endReview, watchReviews } from './commands/end-review.ts'
export { startReview } from './commands/start-review.ts'
export { updateAgent } from './commands/update-agent.ts'
export { takeOverAgent, watchOrphans } from './commands/orphans.ts'
