-- What Prisma's schema language cannot say about stops, prices and followed runs.

-- One open order a target: of two that are given at once the second is told who was first.
create unique index stop_open_target on "StopOrder" ("scope", "targetId") where "releasedAt" is null;

-- One price from a date on, also when it applies to prompts of every length.
create unique index price_in_force on "Price" ("model", "effectiveFrom", coalesce("maxPromptTokens", -1));
