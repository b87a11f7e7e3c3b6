-- A bypass is for no agent that belonged to its opener or their teams while it is open: giving it away meanwhile does not let its calls through either.
create function except_given_away() returns trigger language plpgsql as $$
begin
  update "HoldBypass" b set "exceptAgentIds" = b."exceptAgentIds" || new."id"
  where b."endedAt" is null and new."id" <> all (b."exceptAgentIds")
    and (b."openedById" = old."accountablePersonId" or old."ownerTeamId" = any (b."exceptTeamIds")
      or exists (select from "TeamMember" m where m."personId" = b."openedById" and m."teamId" = old."ownerTeamId"));
  return null;
end $$;
create trigger bypass_given_away after update of "ownerTeamId", "accountablePersonId" on "Agent" for each row
  when (old."ownerTeamId" is distinct from new."ownerTeamId" or old."accountablePersonId" is distinct from new."accountablePersonId")
  execute function except_given_away();
