-- When a key signed last is no matter of brokers: they would verify every token anew.
drop trigger noted_key on "SigningKey";
create trigger noted_key after insert or delete or update of "publicJwk", "retiredAt", "withdrawnAt" on "SigningKey"
  for each row execute function note_policy_change('key', 'kid');
