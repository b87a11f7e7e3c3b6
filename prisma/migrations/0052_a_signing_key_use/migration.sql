-- When a key last signed a token, as far as it is known: to the minute.
alter table "SigningKey" add column "lastUsedAt" timestamptz(3);
