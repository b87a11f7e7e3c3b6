import type { Ctx } from '#lib/auth/ctx.ts'
import type { Result } from '#lib/core/result.ts'
import type { CreationStepName } from '#lib/registry/schema.ts'
import type {
  AgentPreview,
  ChangeAgentLogicInput,
  CreateAgentDraft,
  ManifestPlan,
  MarkReviewedInput,
  MoveAgentInput,
  MoveRefusal,
  SetScheduleInput,
  UpdateAgentInput,
} from './schema.ts'

/** Writes nothing. Problems come as `problems`, never thrown. */
export declare function previewAgent(ctx: Ctx, draft: CreateAgentDraft): Promise<AgentPreview>
/** Throws `invalid` with `details.problems: Problem[]`, or `conflict` when the id is taken. */
export declare function createAgent(ctx: Ctx, draft: CreateAgentDraft): Promise<{ agentId: string; version: number }>
export declare function changeAgentLogic(ctx: Ctx, input: ChangeAgentLogicInput): Promise<{ version: number }>
export declare function updateAgent(ctx: Ctx, input: UpdateAgentInput): Promise<void>
export declare function suspendAgent(ctx: Ctx, input: MoveAgentInput): Promise<Result<void, MoveRefusal>>
export declare function resumeAgent(ctx: Ctx, input: MoveAgentInput): Promise<Result<void, MoveRefusal>>
export declare function retireAgent(ctx: Ctx, input: MoveAgentInput): Promise<Result<void, MoveRefusal>>
export declare function setSchedule(ctx: Ctx, input: SetScheduleInput): Promise<void>
export declare function markReviewed(ctx: Ctx, input: MarkReviewedInput): Promise<void>
export declare function applyManifest(ctx: Ctx, yamlText: string, options?: { dryRun?: boolean }): Promise<ManifestPlan>

// For the provisioning job (system actor):
/** Marks a step of the creation log; `running` counts an attempt. No row, no effect. */
export declare function recordCreationStep(
  ctx: Ctx,
  step: { agentId: string; step: CreationStepName; state: 'running' | 'done' | 'failed'; detail?: string },
): Promise<void>
/** `provisioning` → `active`; does nothing for an agent that has moved on already. */
export declare function activateAgent(ctx: Ctx, agentId: string): Promise<void>
