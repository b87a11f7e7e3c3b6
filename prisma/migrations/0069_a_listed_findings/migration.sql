alter table "UnregisteredAgent"
  add column "listedAt" timestamptz(3),
  add column "sessionsLookedAt" timestamptz(3);

-- Only comparing with what Claude lists has written a version.
update "UnregisteredAgent" set "listedAt" = "lastSeenAt" where "source" = 'claude' and "detail" ? 'version';
