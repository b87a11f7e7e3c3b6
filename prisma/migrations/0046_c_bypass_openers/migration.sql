-- Whose agents a bypass is not for, and whether it holds at all, follows from who opened it as they are now: brokers read their rules again when that changes.
create trigger noted_bypass_team after insert or update or delete on "TeamMember" for each row execute function note_policy_change('hold', 'personId');
create trigger policy_bypass_team after insert or update or delete on "TeamMember" for each statement execute function notify_policy();
create trigger noted_bypass_accountable after update of "accountablePersonId" on "Agent" for each row
  when (old."accountablePersonId" is distinct from new."accountablePersonId") execute function note_policy_change('hold', 'id');
create trigger noted_bypass_opener after update of "active" on "Person" for each row
  when (old."active" is distinct from new."active") execute function note_policy_change('hold', 'id');
create trigger policy_bypass_opener after update of "active" on "Person" for each statement execute function notify_policy();
create trigger noted_bypass_role after delete on "PersonRole" for each row execute function note_policy_change('hold', 'personId');
create trigger policy_bypass_role after delete on "PersonRole" for each statement execute function notify_policy();
