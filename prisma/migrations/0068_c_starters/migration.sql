-- Who is behind a call besides whoever asked for its run: nobody decides about what they started.
alter table "AgentCredential" add column "issuedById" uuid;
update "AgentCredential" c set "issuedById" = e."actorId"::uuid
  from "AuditEvent" e where e."event" = 'agent.credentials_issued' and e."actorKind" = 'person' and e."detail"->>'clientId' = c."clientId";
alter table "Run" add column "scheduledById" uuid;
alter table "HeldCall" add column "startedById" uuid;
