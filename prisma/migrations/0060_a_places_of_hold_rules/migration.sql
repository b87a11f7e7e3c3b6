-- A rule is asked in the place of the one that it replaces only once that one has ended: before that it would be asked before others that one person alone put it in front of.
alter table "HoldRule" add column "takesPlaceOfId" uuid, add column "positionBefore" integer, add column "movedAt" timestamptz(3);
