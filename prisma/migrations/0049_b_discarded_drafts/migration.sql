-- What was ever enforced stays as it was, and every set stays; what is thrown away judged no live call before, and never will.
create or replace function keep_policy_set() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'a policy set is never deleted';
  end if;
  if tg_op = 'UPDATE' then
    if (old."state" <> 'draft' or old."enforcedAt" is not null)
      and (old."version", old."policies", old."schemaText") is distinct from (new."version", new."policies", new."schemaText") then
      raise exception 'the text of policy set % is not a draft any more', old."number";
    end if;
    if old."state" = 'discarded' and new."state" <> 'discarded' then
      raise exception 'policy set % was thrown away', old."number";
    end if;
    if new."state" = 'discarded' and old."state" <> 'discarded'
      and (old."state" <> 'draft' or old."enforcedAt" is not null or old."firstLogOnlyAt" is not null) then
      raise exception 'policy set % judged live calls: it is kept', old."number";
    end if;
    if old."firstLogOnlyAt" is not null then
      new."firstLogOnlyAt" := old."firstLogOnlyAt";
    end if;
  end if;
  if new."state" = 'log_only' and new."firstLogOnlyAt" is null then
    new."firstLogOnlyAt" := coalesce(new."logOnlyAt", now());
  end if;
  return new;
end $$;
drop trigger policy_set_kept on "PolicySet";
create trigger policy_set_kept before insert or update or delete on "PolicySet" for each row execute function keep_policy_set();
