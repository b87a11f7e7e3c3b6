-- Whom the client of a held call acts for, when they had never signed in here: once they have, they do not decide about it.
alter table "HeldCall" add column "drivenBySubject" text;
