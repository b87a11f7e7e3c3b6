import { Prisma } from '#lib/db/generated/client.ts'

/**
 * What the central guardrails forbid, for every combination of the facts they look at, from the SQL function `forbidding_guardrail`. That
 * it says the same as the policies that brokers decide with is proven by a test over all combinations.
 */
export const guardrailsSql = Prisma.sql`
  select tier || ' ' || class || ' ' || environment || ' ' || sensitivity || ' ' || "breakGlass"::text as key,
    forbidding_guardrail(tier, class, environment, sensitivity, "breakGlass") as rule
  from unnest(enum_range(null::"Tier")) tier, unnest(enum_range(null::"ToolClass")) class,
    unnest(enum_range(null::"Environment")) environment, unnest(enum_range(null::"Sensitivity")) sensitivity,
    unnest(array[false, true]) "breakGlass"
  where forbidding_guardrail(tier, class, environment, sensitivity, "breakGlass") is not null`
