import type { Ctx } from '#lib/auth/ctx.ts'
import type { Result } from '#lib/core/result.ts'
import type {
  DecideScopeRequestInput,
  RequestScopeInput,
  RevokeGrantInput,
  ScopeRefusal,
  WithdrawScopeRequestInput,
} from './schema.ts'

export declare function requestScope(
  ctx: Ctx,
  input: RequestScopeInput,
): Promise<Result<{ requestId: string }, ScopeRefusal>>
export declare function decideScopeRequest(
  ctx: Ctx,
  input: DecideScopeRequestInput,
): Promise<Result<{ grantId: string | null; expiresAt: string | null }, ScopeRefusal>>
export declare function withdrawScopeRequest(
  ctx: Ctx,
  input: WithdrawScopeRequestInput,
): Promise<Result<void, ScopeRefusal>>
export declare function revokeGrant(ctx: Ctx, input: RevokeGrantInput): Promise<Result<void, ScopeRefusal>>
