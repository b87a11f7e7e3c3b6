import type { Ctx } from '#lib/auth/ctx.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type {
  ApproveToolInput,
  ClassifyToolInput,
  CreateTeamInput,
  RecordServerToolsInput,
  RegisterServerInput,
  SetServerCredentialInput,
  UpdateServerInput,
} from './schema.ts'

export declare function createTeam(ctx: Ctx, input: CreateTeamInput): Promise<void>
export declare function registerServer(ctx: Ctx, input: RegisterServerInput): Promise<void>
export declare function updateServer(ctx: Ctx, input: UpdateServerInput): Promise<void>
export declare function setServerCredential(
  ctx: Ctx,
  options: { input: SetServerCredentialInput; secretBox: SecretBox },
): Promise<void>
export declare function classifyTool(ctx: Ctx, input: ClassifyToolInput): Promise<void>
export declare function approveTool(ctx: Ctx, input: ApproveToolInput): Promise<void>
export declare function recordServerTools(
  ctx: Ctx,
  input: RecordServerToolsInput,
): Promise<{ added: string[]; changed: string[]; removed: string[] }>
